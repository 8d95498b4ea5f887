from __future__ import annotations

import numpy as np
import pytest
import torch
from scans import OneScan, scene_of

from posealign_chat_scene.extraction.objects import Annotated, Detected
from posealign_core.errors import DataError

POINTS = np.arange(12.0).reshape(4, 3)


def _detected(tmp_path, masks) -> Detected:
    torch.save(masks, tmp_path / "scene0000_00.pt")
    return Detected(OneScan(scene_of(POINTS)), tmp_path)


def test_annotated_objects_keep_their_ids():
    scene = scene_of(POINTS, np.array([1, -1, 0, 1]), ["chair", "table"])
    objects = Annotated(OneScan(scene)).read("scene0000_00")
    assert objects.object_ids == (0, 1)
    assert objects.labels == ("chair", "table")
    assert [m.tolist() for m in objects.members] == [[2], [0, 3]]


def test_a_scan_without_annotation_is_refused():
    with pytest.raises(DataError, match="--masks"):
        Annotated(OneScan(scene_of(POINTS))).read("scene0000_00")


def test_detected_objects_are_numbered_by_their_place(tmp_path):
    masks = [{"label": "chair", "segments": [3, 1]}, {"label": "lamp", "segments": []}]
    objects = _detected(tmp_path, masks).read("scene0000_00")
    assert objects.object_ids == (0, 1)
    assert [m.tolist() for m in objects.members] == [[3, 1], []]


def test_a_scan_without_proposals_is_refused(tmp_path):
    with pytest.raises(DataError, match="at least one proposal"):
        _detected(tmp_path, []).read("scene0000_00")


def test_masks_of_another_mesh_are_refused(tmp_path):
    with pytest.raises(DataError, match="proposal 0 wants points up to 4, the scan has 4"):
        _detected(tmp_path, [{"label": "chair", "segments": [0, 4]}]).read("scene0000_00")


def test_points_without_colours_are_refused():
    objects = Annotated(OneScan(scene_of(POINTS, np.zeros(4, int), ["chair"], colors=None))).read(
        "scene0000_00"
    )
    with pytest.raises(DataError, match="coloured points"):
        _ = objects.colors
