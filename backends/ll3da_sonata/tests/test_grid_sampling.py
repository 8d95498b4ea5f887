"""Voxels of points: hashes, order, representatives (section 4.1)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from posealign_core.errors import ConfigError, ShapeError
from posealign_ll3da_sonata.ptv3.grid_sampling import (
    fnv_keys,
    grid_sample,
    ravel_keys,
    voxel_cells,
)

ROWS = np.array([[0, 0, 0], [1, 2, 3], [109, 89, 74]])

CLOUDS = arrays(
    np.float64, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(-0.1, 0.1)
)


def test_published_hashes():
    expected = [15658191375538532279, 15657232601398921515, 15615067429976983703]
    assert fnv_keys(ROWS).tolist() == expected
    assert ravel_keys(ROWS).tolist() == [0, 6903, 742499]


@given(arrays(np.int64, (4, 3), elements=st.integers(0, 2**16)))
def test_hashes_against_python_integers(cells):
    for cell, key in zip(cells.tolist(), fnv_keys(cells).tolist(), strict=True):
        h = 14695981039346656037
        for component in cell:
            h = (h * 1099511628211) % 2**64 ^ component
        assert key == h


@given(CLOUDS)
def test_every_point_lies_in_its_voxel(points):
    cells = voxel_cells(points, 0.02, precision="float64")
    expected = np.floor(points / 0.02).astype(int)
    np.testing.assert_array_equal(cells, expected - expected.min(axis=0))
    sample = grid_sample(cells)
    assert len(np.unique(sample.cells, axis=0)) == len(sample.cells)
    np.testing.assert_array_equal(sample.cells[sample.point_to_voxel], cells)
    keys = fnv_keys(sample.cells)
    assert (keys[1:] > keys[:-1]).all()
    for voxel, row in enumerate(sample.rows):
        assert row == (sample.point_to_voxel == voxel).nonzero()[0][0]


def test_random_points_are_members_and_all_are_drawn():
    cells = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]])
    rng = np.random.default_rng(0)
    drawn = [grid_sample(cells, choice="random", rng=rng) for _ in range(40)]
    for sample in drawn:
        np.testing.assert_array_equal(sample.point_to_voxel[sample.rows], [0, 1])
    assert {int(r) for sample in drawn for r in sample.rows} == {0, 1, 2, 3}


def test_random_points_follow_the_generator():
    cells = np.zeros((50, 3), dtype=np.int64)
    first, second = (
        grid_sample(cells, choice="random", rng=np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(first.rows, second.rows)


def test_precision_decides_on_borders():
    """0.06 / 0.02 is 3 in float32 and just below in float64, of coordinates kept in float32."""
    points = np.array([[0.0, 0.0, 0.0], [0.06, 0.0, 0.0]], dtype=np.float32)
    single = voxel_cells(points, 0.02)[1, 0]
    double = voxel_cells(points, 0.02, precision="float64")[1, 0]
    assert (single, double) == (3, int(np.floor(np.float64(np.float32(0.06)) / 0.02)))
    assert double == 2


def test_precisions_part_on_millimetres():
    """Of coordinates in whole millimetres one point in fourteen changes its voxel."""
    rng = np.random.default_rng(0)
    points = (rng.integers(0, 5000, (20000, 3)) * 0.001).astype(np.float32)
    points[0] = 0
    single, double = (voxel_cells(points, 0.02, precision=p) for p in ("float32", "float64"))
    assert (single != double).any(axis=1).mean() == pytest.approx(0.071, abs=0.01)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (np.zeros((0, 3)), r"found \(0, 3\)"),
        (np.zeros((4, 2)), r"found \(4, 2\)"),
        (np.array([[0.0, np.nan, 0.0]]), "1 points that are not finite"),
        (np.array([[0.0, 1e30, 0.0]]), r"up to 1e\+30 m"),
    ],
)
def test_refuses(points, message):
    with pytest.raises(ShapeError, match=message):
        voxel_cells(points, 0.02)


def test_random_without_a_generator():
    with pytest.raises(ConfigError, match="wanted a generator"):
        grid_sample(np.zeros((1, 3), dtype=np.int64), choice="random")
