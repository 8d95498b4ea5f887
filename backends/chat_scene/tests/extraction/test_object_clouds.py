from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scans import QUARTER_TURN, objects_of

from posealign_chat_scene.extraction.object_clouds import ObjectCloud, object_clouds


def _cloud(points, least=4) -> ObjectCloud:
    points = np.asarray(points, np.float32)
    return ObjectCloud.build(3, points, np.full(points.shape, 51, np.uint8), least=least)


def test_a_cloud_is_centred_in_the_unit_sphere():
    cloud = _cloud([[1, 0, 0], [5, 0, 0], [3, 1, 0], [3, -1, 0]])
    assert cloud.points[0].tolist() == [-1, 0, 0]
    assert {tuple(p) for p in cloud.points.tolist()} == {
        (-1, 0, 0),
        (1, 0, 0),
        (0, 0.5, 0),
        (0, -0.5, 0),
    }
    np.testing.assert_allclose(cloud.colors, 0.2)


@given(
    st.integers(0, 1000),
    st.floats(0.1, 50),
    st.tuples(*[st.floats(-20, 20)] * 3),
)
def test_where_and_how_large_an_object_is_does_not_matter(seed, scale, shift):
    points = np.random.default_rng(seed).normal(size=(20, 3))
    moved = _cloud(points * scale + np.array(shift))
    np.testing.assert_allclose(moved.points, _cloud(points).points, atol=2e-3)


@pytest.mark.parametrize(
    ("n", "least", "wanted"), [(3, 4, 6), (10, 64, 80), (64, 64, 64), (1, 4, 4)]
)
def test_a_small_cloud_is_doubled_until_it_has_enough(n, least, wanted):
    points = np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32)
    cloud = _cloud(points, least)
    assert len(cloud.points) == wanted
    _, counts = np.unique(cloud.points.round(4), axis=0, return_counts=True)
    assert (counts == wanted // n).all()


def test_turning_goes_with_turning_the_points():
    points = np.random.default_rng(1).normal(size=(30, 3))
    rotation = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = _cloud(points).turned(rotation)
    np.testing.assert_allclose(turned.points, _cloud(points @ rotation.T).points, atol=1e-5)
    assert turned.object_id == 3


def test_small_objects_and_those_beyond_the_limit_are_left_out():
    points = np.random.default_rng(2).normal(size=(40, 3))
    objects = objects_of(points, [range(10), range(9), range(20, 40), range(40)])
    assert [c.object_id for c in object_clouds(objects, least=4, limit=3)] == [0, 2]


def test_points_are_taken_in_the_aligned_frame():
    points = np.random.default_rng(3).normal(size=(16, 3))
    here, turned = (
        next(object_clouds(objects_of(points, [range(16)], aligned=a), least=4, limit=9))
        for a in (None, QUARTER_TURN)
    )
    np.testing.assert_allclose(turned.points, here.turned(QUARTER_TURN[:3, :3]).points, atol=1e-5)
