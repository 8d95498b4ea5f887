from __future__ import annotations

import numpy as np
import pytest
from scans import QUARTER_TURN, OneScan, objects_of, scene_of

from posealign_chat_scene.extraction.attributes import attributes_of, make_attributes
from posealign_chat_scene.extraction.objects import Annotated
from posealign_core.datasets.proposals import read_attributes
from posealign_core.errors import DataError

BOX = [[0.0, 0, 0], [2, 0, 0], [0, 4, 0], [0, 0, 6]]


def test_boxes_are_centre_and_size_in_the_aligned_frame():
    entry = attributes_of(objects_of(BOX, [[0, 1, 2, 3], [0, 1]], aligned=QUARTER_TURN))
    # World (x, y, z) is aligned (5 - y, x - 3, z + 1).
    assert entry["locs"].tolist() == [[3, -2, 4, 4, 2, 6], [5, -2, 1, 0, 2, 0]]
    assert entry["objects"] == ["thing 0", "thing 1"]
    assert set(entry) == {"objects", "locs"}


def test_an_object_without_points_has_a_box_of_zeros():
    assert attributes_of(objects_of(BOX, [[], [1]]))["locs"][0].tolist() == [0] * 6


def test_boxes_end_at_a_hundred_and_names_do_not():
    entry = attributes_of(objects_of(BOX, [[0, 1]] * 103))
    assert entry["locs"].shape == (100, 6)
    assert len(entry["objects"]) == 103


def test_ids_are_written_where_they_are_no_places():
    entry = attributes_of(objects_of(BOX, [[0], [1]], object_ids=(3, 8)))
    assert entry["obj_ids"] == [3, 8]


def test_a_box_that_is_not_finite_is_refused():
    points = [*BOX, [np.nan, 0, 0]]
    with pytest.raises(DataError, match="object 1"):
        attributes_of(objects_of(points, [[0, 1], [1, 4]]))


def test_the_file_reads_back_as_a_published_one(tmp_path):
    scene = scene_of(BOX, np.array([0, 0, 0, 1]), ["chair", "lamp"])
    source, out = Annotated(OneScan(scene)), tmp_path / "deep" / "attributes.pt"
    (done,) = make_attributes(source, ["scene0000_00"], out, jobs=1)
    assert done.error == ""
    entry = read_attributes(out)["scene0000_00"]
    assert entry.labels == ("chair", "lamp")
    assert entry.object_ids is None
    assert entry.boxes.tolist() == [[1, 2, 0, 2, 4, 0], [0, 0, 6, 0, 0, 0]]


def test_nothing_is_written_where_a_scan_fails(tmp_path):
    source = Annotated(OneScan(scene_of(BOX)))
    (failed,) = make_attributes(source, ["scene0000_00"], tmp_path / "a.pt", jobs=1)
    assert "wanted annotated objects" in failed.error
    assert list(tmp_path.iterdir()) == []
