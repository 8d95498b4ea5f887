"""Detected objects and their tables (specification sections 2.2, 2.6, 6.1 and 9.6)."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from posealign_chat_scene.extraction.tables import feature_key
from posealign_chat_scene.objects.features import heading_of
from posealign_chat_scene.objects.matching import best_proposals, rows_of_objects
from posealign_chat_scene.objects.proposals import detected, own_objects
from posealign_core.errors import ConfigError, DataError, SceneNotFoundError
from posealign_core.testing.toy_scenes import pose_towards, toy_scene
from posealign_core.vocabulary import AlignMode, TaskKind

from .samples import encoded, sample_of, tiny
from .test_training import attributes, boxes_of_scene

DIM = 8


def table(path, scene_id, rows, dim=DIM):
    torch.save(
        {feature_key(scene_id, i): torch.full((dim,), float(v)) for i, v in rows.items()}, path
    )
    return str(path)


def from_files(tmp_path, boxes, *, points=None, images=None, **objects):
    return tiny(
        network={"point_dim": DIM, "image_dim": DIM},
        objects={
            "features": "files",
            "proposals": [str(attributes(tmp_path / "detected.pt", boxes))],
            "points": [table(tmp_path / "3d.pt", "toy", points or {0: 1})],
            "images": [table(tmp_path / "2d.pt", "toy", images or {0: 1})],
            **objects,
        },
    )


def test_detected_boxes_come_into_the_input_frame_and_back():
    sample = sample_of(AlignMode.TRANSFORM)
    own = own_objects(sample)
    wanted = boxes_of_scene()
    assert np.allclose(own.boxes, wanted, atol=1e-9)


def test_detected_objects(tmp_path):
    boxes = boxes_of_scene()[::-1].copy()
    path = attributes(tmp_path / "detected.pt", boxes)
    for modes in ((), (AlignMode.TRANSFORM,)):
        sample = sample_of(*modes)
        found = detected(sample, [path])
        assert found.are_detected
        assert np.allclose(found.boxes, boxes, atol=1e-6)
        assert rows_of_objects(found, sample.scene, [1, 3, 4, 7]) == [3, 2, 1, 0]


def test_features_of_detected_objects_and_what_is_missing(tmp_path):
    boxes = boxes_of_scene()
    config = from_files(tmp_path, boxes, points={0: 2, 2: 5}, images={3: 7})
    item = encoded(sample_of(), config=config)
    assert item["points"][:, 0].tolist() == [2, 0, 5, 0, 0, 0]
    assert item["images"][:, 0].tolist() == [0, 0, 0, 7, 0, 0]
    assert item["n_missing"] == (2, 3)


def test_training_targets_are_proposals_that_overlap_enough(tmp_path):
    boxes = boxes_of_scene()
    boxes[0, 0] += 0.05  # IoU 0.78
    config = from_files(tmp_path, boxes)
    encoded(sample_of(kind=TaskKind.GROUND), config=config, train=True)
    boxes[0, 0] += 0.2  # IoU 0.23
    config = from_files(tmp_path / "..", boxes)
    with pytest.raises(DataError, match=r"objects \[1\]"):
        encoded(sample_of(kind=TaskKind.GROUND), config=config, train=True)


def test_candidates_are_those_that_proposals_overlap_most(tmp_path):
    config = from_files(tmp_path, boxes_of_scene())
    known = encoded(sample_of(kind=TaskKind.SELECT), config=config)["answerable"]
    assert known.object_ids.tolist() == [1, 3, -1, -1]  # the candidates are 1 and 3


def test_a_proposal_without_extent_has_no_place(tmp_path):
    boxes = boxes_of_scene()
    boxes[2] = 0
    item = encoded(sample_of(), config=from_files(tmp_path, boxes))
    assert item["valid"].tolist() == [True, True, False, True, False, False]


def test_more_than_a_hundred_names_and_no_more_boxes(tmp_path):
    path = tmp_path / "many.pt"
    boxes = torch.rand(100, 6)
    torch.save({"toy": {"objects": ["thing"] * 130, "locs": boxes}}, path)
    assert len(detected(sample_of(), [path])) == 100


def test_no_proposals(tmp_path):
    config = from_files(tmp_path, np.zeros((0, 6)))
    item = encoded(sample_of(), config=config)
    assert not item["valid"].any()
    assert item["n_missing"] == (0, 0)


def test_boxes_that_are_not_finite(tmp_path):
    boxes = boxes_of_scene()
    boxes[1, 4] = np.nan
    with pytest.raises(DataError, match=r"finite places .* \[1\]"):
        encoded(sample_of(), config=from_files(tmp_path, boxes))


def test_a_scan_that_no_file_lists(tmp_path):
    path = tmp_path / "other.pt"
    torch.save({"elsewhere": {"objects": [], "locs": torch.zeros(0, 6)}}, path)
    with pytest.raises(SceneNotFoundError, match="posealign chat-scene attributes"):
        detected(sample_of(), [path])


def test_features_of_another_length(tmp_path):
    config = from_files(tmp_path, boxes_of_scene())
    table(tmp_path / "3d.pt", "toy", {0: 1}, dim=DIM + 1)
    with pytest.raises(DataError, match="length 8, found 9"):
        encoded(sample_of(), config=config)


@pytest.mark.parametrize(("how", "name"), [("yaw", "yaw_points"), ("exact", "pose_points")])
def test_re_extraction_needs_its_tables(tmp_path, how, name):
    with pytest.raises(ConfigError, match=name):
        encoded(sample_of(), config=from_files(tmp_path, boxes_of_scene(), reextract=how))


def test_features_by_heading(tmp_path):
    n_bins = 8
    rows = torch.arange(n_bins).float()[:, None].expand(n_bins, DIM).clone()
    torch.save({"toy_00": rows}, tmp_path / "yaw8.pt")
    config = from_files(
        tmp_path, boxes_of_scene(), reextract="yaw", yaw_points=str(tmp_path / "yaw8.pt")
    )
    for heading in (0.1, 1.5, 3.0, -2.0):
        sample = sample_of(AlignMode.TRANSFORM, pose=pose_towards(heading))
        assert math.isclose(
            heading_of(sample.pose, detected(sample, config.objects.proposals)),
            heading,
            abs_tol=1e-9,
        )
        wanted = round(heading * n_bins / (2 * math.pi)) % n_bins
        assert encoded(sample, config=config)["points"][0, 0] == wanted
    assert encoded(sample_of(AlignMode.EMBED), config=config)["points"][0, 0] == 1


def test_exact_features_need_a_frame(tmp_path):
    config = from_files(
        tmp_path, boxes_of_scene(), reextract="exact", pose_points=str(tmp_path / "poses")
    )
    with pytest.raises(DataError, match="frame"):
        encoded(sample_of(AlignMode.TRANSFORM), config=config)


def test_the_first_of_equally_good_proposals_wins():
    box = np.array([[0, 0, 0, 1, 1, 1.0]])
    best, overlap = best_proposals(box, np.concatenate([box + 9, box, box]))
    assert best.tolist() == [1]
    assert overlap[0] == pytest.approx(1.0)


def test_tiny_features_do_not_depend_on_the_world():
    from posealign_core.testing.probes import move_world

    query, pose = sample_of().query, pose_towards(0.3)
    moved_query, moved_scene, moved_pose = move_world(query, toy_scene(), pose)
    here = encoded(sample_of())
    there = encoded(sample_of(query=moved_query, scene=moved_scene, pose=moved_pose))
    for name in ("points", "images", "centers"):
        assert torch.allclose(here[name], there[name], atol=1e-4)
