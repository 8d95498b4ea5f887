from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.geometry import aabb_from_corners
from posealign_core.testing.toy_scenes import toy_scene, world_from_room
from posealign_core.vocabulary import AlignMode
from posealign_ll3da.config import CloudConfig
from posealign_ll3da.encode.boxes import BoxGrid, box_rule, object_boxes
from posealign_ll3da.encode.placement import Placement, on_walls

from .samples import sample_of

GRID = BoxGrid(np.array([-1.0, 0.0, 2.0]), np.array([2.55, 5.1, 2.55]))


def turned(yaw_rad: float) -> Placement:
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return Placement(np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]))


def test_a_box_in_words_by_hand():
    box = np.array([[0.0, 1.0, 3.0, 0.5, 0.4, 0.309]])
    assert GRID.write(box) == "<obj>100, 50, 100, 50, 20, 30</obj>"
    read = GRID.read("so <obj>100, 50, 100, 50, 20, 30</obj> it is")
    assert np.allclose(read, [[0.0, 1.0, 3.0, 0.5, 0.4, 0.3]])


def test_several_boxes_and_those_outside_the_cloud():
    words = GRID.write(np.array([[-2.0, 0, 2, 1, 1, 1], [0, 0, 2, 3.0, 1, 1]]))
    assert words == "<obj>-100, 0, 0, 100, 50, 100</obj> <obj>100, 0, 0, 300, 50, 100</obj>"
    assert np.allclose(GRID.read(words)[0, :3], [-2, 0, 2])


@pytest.mark.parametrize(
    "text",
    ["", "nowhere", "<obj>1, 2, 3</obj>", "<obj>a, 2, 3, 4, 5, 6</obj>", "<obj>1, 2, 3, 4, 5, 6",
     "<obj>1, 2, 3, 4, 5, inf</obj>"],
)  # fmt: skip
def test_what_is_no_box_is_passed_over(text: str):
    assert GRID.read(text).shape == (0, 6)


def test_the_words_of_the_toy_tokenizer_are_read():
    spoken = "< obj > 100, 50, 100, - 50, 20, 30 < / obj >"
    assert np.allclose(GRID.read(spoken)[0, 3], -0.5)


@given(st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6))
def test_round_trip_within_a_step(shares: list[float]):
    box = np.array([shares]) * np.tile(GRID.extent, 2)
    box[:, :3] += GRID.low
    read = GRID.read(GRID.write(box))
    assert (np.abs(read - box) <= np.tile(GRID.extent, 2) / 255 + 1e-6).all()


def test_a_cloud_in_one_place_has_a_grid():
    class Point:
        low = high = np.ones(3)

    words = BoxGrid.of(Point()).write(np.array([[1.0, 1, 1, 0, 0, 0]]))
    assert words == "<obj>0, 0, 0, 0, 0, 0</obj>"


def test_enclosing_boxes_follow_the_published_rule_for_a_yaw():
    sample = sample_of()
    walls = on_walls(sample)
    boxes = object_boxes(sample, walls, "enclose")
    yaw = 0.08
    more = Placement(turned(yaw).placed_from_input @ walls.placed_from_input)
    found = object_boxes(sample, more, "enclose").boxes
    rotation = turned(yaw).placed_from_input[:3, :3]
    assert np.allclose(found[:, :3], boxes.boxes[:, :3] @ rotation.T)
    assert np.allclose(found[:, 3:], boxes.boxes[:, 3:] @ np.abs(rotation).T)


def test_tight_boxes_lie_inside_enclosing_ones():
    sample = sample_of(AlignMode.TRANSFORM)
    here = Placement(np.eye(4))
    tight = object_boxes(sample, here, "tight").boxes
    loose = object_boxes(sample, here, "enclose").boxes
    assert (tight[:, 3:] <= loose[:, 3:] + 1e-9).all()
    assert (tight[:, 3:] < loose[:, 3:] - 0.01).any()


def test_the_rule_depends_on_the_frame():
    assert box_rule(sample_of(), CloudConfig(ego_boxes="none")) == "enclose"
    posed = sample_of(AlignMode.TRANSFORM)
    assert box_rule(posed, CloudConfig()) == "tight"
    assert len(object_boxes(posed, Placement(np.eye(4)), "none").boxes) == 0


def test_objects_without_boxes_have_those_of_their_points():
    scene = toy_scene()
    bare = replace(scene, objects=replace(scene.objects, corners=None))
    sample = sample_of(scene=bare)
    found = object_boxes(sample, on_walls(sample), "enclose", [3])
    corners = world_from_room().inverse().apply(scene.objects.corners[1])
    assert found.object_ids.tolist() == [3]
    assert np.allclose(found.boxes, aabb_from_corners(corners))
