"""Estimated normals on surfaces whose normals are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import ShapeError
from posealign_ll3da_sonata.normals import estimate_normals


def patch(n=8, step=0.02):
    """(n * n, 3) points of a square in the plane z = 0."""
    x, y = np.meshgrid(np.arange(n) * step, np.arange(n) * step)
    return np.stack([x.ravel(), y.ravel(), np.zeros(n * n)], axis=1)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_a_floor_and_a_ceiling(side):
    normals = estimate_normals(patch(), np.array([0.0, 0.0, side]))
    np.testing.assert_allclose(normals, np.tile([0.0, 0.0, side], (64, 1)), atol=1e-9)


def test_a_sphere_seen_from_within():
    """Normals point to the centre where the camera stands; error grows with the patch only."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(3000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    centre = np.array([3.0, -2.0, 1.0])
    normals = estimate_normals(centre + 2 * directions, centre)
    cosines = -(normals * directions).sum(axis=1)
    assert cosines.min() > np.cos(np.radians(12))
    assert np.median(cosines) > np.cos(np.radians(3))


@given(st.integers(0, 2**32 - 1))
def test_normals_turn_with_the_cloud(seed):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    points = rng.uniform(size=(60, 3)) * [1.0, 1.0, 0.05]
    viewpoint = np.array([0.4, 0.6, 5.0])
    moved = estimate_normals(points @ rotation.T + 7, rotation @ viewpoint + 7)
    np.testing.assert_allclose(moved, estimate_normals(points, viewpoint) @ rotation.T, atol=1e-5)


def test_fewer_points_than_neighbours():
    normals = estimate_normals(patch(2), np.array([0.0, 0.0, 1.0]), n_neighbors=16)
    np.testing.assert_allclose(normals, [[0.0, 0.0, 1.0]] * 4, atol=1e-12)


def test_a_single_repeated_point_still_has_unit_normals():
    normals = estimate_normals(np.ones((5, 3)), np.zeros(3))
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0)


@pytest.mark.parametrize(("n_points", "n_neighbors"), [(2, 16), (10, 2)])
def test_refuses(n_points, n_neighbors):
    with pytest.raises(ShapeError, match=f"found {n_points} points and {n_neighbors} neighbours"):
        estimate_normals(np.zeros((n_points, 3)), np.zeros(3), n_neighbors=n_neighbors)
