"""The toy room is what its docstrings promise, by hand-computed places and directions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from posealign_core.errors import ShapeError
from posealign_core.geometry import Frame, aabb_from_corners, is_rigid
from posealign_core.testing.toy_scenes import (
    CAMERA,
    look_at,
    pose_towards,
    region_of,
    toy_queries,
    toy_scene,
    toy_trajectory,
    world_from_room,
)
from posealign_core.vocabulary import TaskKind


def test_objects_stand_where_the_room_says():
    scene = toy_scene()
    table = scene.objects
    assert table.object_ids.tolist() == [1, 3, 4, 7]
    assert table.labels == ("chair", "table", "lamp", "bed")
    in_room = scene.aligned_from_world.apply(table.centers)
    wanted = [[0.1, 1.0, 0.5], [-0.1, -1.1, 0.4], [1.3, 0.2, 1.2], [-1.4, 0.4, 0.3]]
    np.testing.assert_allclose(in_room, wanted, atol=0.05)


def test_world_is_turned_and_far_from_the_origin():
    place = world_from_room().apply([1.0, 0.0, 0.0])
    np.testing.assert_allclose(place, [5 + math.cos(0.7), -3 + math.sin(0.7), 0.4])
    scene = toy_scene()
    assert scene.frame is Frame.WORLD
    assert np.linalg.norm(scene.points, axis=1).min() > 2.0


def test_boxes_hold_exactly_the_points_of_their_object():
    scene = toy_scene()
    room = scene.moved(scene.aligned_from_world)
    boxes = aabb_from_corners(room.objects.corners)
    for object_id, box in zip(room.objects.object_ids, boxes, strict=True):
        points = room.points[room.instance_ids == object_id]
        np.testing.assert_allclose(points.min(axis=0), box[:3] - box[3:] / 2, atol=1e-9)
        np.testing.assert_allclose(points.max(axis=0), box[:3] + box[3:] / 2, atol=1e-9)


@pytest.mark.parametrize(("n_objects", "points"), [(0, 200), (1, 260), (4, 440)])
def test_sizes(n_objects, points):
    scene = toy_scene(n_objects=n_objects)
    assert (len(scene.objects), len(scene)) == (n_objects, points)


def test_the_smallest_scene_is_one_point():
    scene = toy_scene(n_objects=1, points_per_object=1, background=False, colors=False)
    assert len(scene) == 1
    assert scene.colors is None
    assert len(toy_scene(n_objects=0, background=False)) == 0


def test_a_seed_moves_points_but_no_object():
    one, other = toy_scene(seed=1), toy_scene(seed=2)
    assert not np.array_equal(one.points, other.points)
    np.testing.assert_allclose(one.objects.centers, other.objects.centers, atol=0.05)
    np.testing.assert_array_equal(toy_scene(seed=1).points, one.points)


def test_look_at_faces_its_target_upright():
    pose = look_at([0.0, 0.0, 1.5], [0.0, 2.0, 1.5])
    wanted = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]])  # right, down, forward as columns
    np.testing.assert_allclose(pose.rotation, wanted, atol=1e-12)
    np.testing.assert_allclose(pose.translation, [0, 0, 1.5])


@pytest.mark.parametrize(("heading", "side"), [(0.0, "left"), (math.pi, "right")])
def test_the_chair_changes_sides_with_the_heading(heading, side):
    scene, pose = toy_scene(), pose_towards(heading)
    chair = pose.reference_from_camera.inverse().apply(scene.objects.centers[0])
    assert chair[2] > 0
    assert ("left" if chair[0] < 0 else "right") == side
    u = CAMERA.fx * chair[0] / chair[2] + CAMERA.cx
    assert 0 <= u < CAMERA.width


def test_all_cameras_but_the_lost_one_are_rigid():
    poses = toy_trajectory().world_from_camera
    assert [is_rigid(pose) for pose in poses] == [True] * 5 + [False]


def test_one_query_of_each_kind_about_the_chair():
    queries = toy_queries()
    assert {query.kind for query in queries} == set(TaskKind)
    assert {query.target_ids for query in queries} == {(1,)}
    assert len({query.query_id for query in queries}) == len(queries)


def test_a_region_is_the_place_of_its_object():
    region = region_of(3)
    np.testing.assert_allclose(region.corners.mean(axis=0), region.click)
    assert region.object_id == 3
    with pytest.raises(ShapeError, match="found 2"):
        region_of(2)
