from __future__ import annotations

from dataclasses import replace

import numpy as np

from posealign_core.geometry import corners_from_aabb
from posealign_core.structures import Region
from posealign_core.structures.regions import points_in_box, points_of_objects, points_of_region
from posealign_core.testing.toy_scenes import corners_of, toy_scene


def test_regions_of_every_form():
    scene = toy_scene()
    chair = scene.instance_ids == 1
    center = corners_of(1).mean(axis=0)
    assert np.array_equal(points_of_objects(scene, [1]), chair)
    forms = [Region(object_id=1), Region(corners=corners_of(1)), Region(click=center)]
    for region in forms:
        assert np.array_equal(points_of_region(scene, region), chair)
    bare = replace(scene, instance_ids=None)
    assert np.array_equal(points_of_objects(bare, [1]), chair)
    assert np.array_equal(points_of_region(bare, Region(click=center)), chair)
    alone = replace(bare, superpoint_ids=None)
    assert points_of_region(alone, Region(click=center)).sum() == 1
    absent = Region(object_id=99, corners=corners_of(1))
    assert np.array_equal(points_of_region(scene, absent), chair)
    assert not points_of_region(scene, Region()).any()


def test_points_in_an_oriented_box():
    rng = np.random.default_rng(0)
    points = rng.uniform(-2, 2, (500, 3))
    c, s = np.cos(0.6), np.sin(0.6)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    corners = corners_from_aabb([0, 0, 0, 2, 1, 3])[0] @ turn.T + 0.3
    own = (points - 0.3) @ turn
    expected = (np.abs(own) <= [1, 0.5, 1.5]).all(axis=1)
    assert np.array_equal(points_in_box(points, corners), expected)
    assert 0 < expected.sum() < 500
    flat = np.tile([1.0, 2, 3], (8, 1))
    assert points_in_box(np.array([[1.0, 2, 3], [1, 2, 3.1]]), flat).tolist() == [True, False]
