from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import ShapeError
from posealign_core.nn.voxels import voxelise


def test_hand_numbered_cloud():
    voxels = voxelise(np.array([[5, 0, 1], [-2, 0, 0], [5, 0, 1], [4, 9, 9], [-2, 0, 0]]))
    assert voxels.cells.tolist() == [[5, 0, 1], [-2, 0, 0], [4, 9, 9]]
    assert voxels.point_to_voxel.tolist() == [0, 1, 0, 2, 1]
    assert voxels.voxel_to_points().tolist() == [[2, 0, 2], [2, 1, 4], [1, 3, 0]]


@given(
    st.lists(st.tuples(*[st.integers(-3, 3)] * 3), min_size=1, max_size=60),
    st.sampled_from([np.int32, np.int64]),
)
def test_agrees_with_a_dictionary(cells: list[tuple[int, int, int]], dtype: type):
    numbers: dict[tuple[int, int, int], int] = {}
    expected = [numbers.setdefault(cell, len(numbers)) for cell in cells]
    voxels = voxelise(np.array(cells, dtype=dtype))
    assert voxels.point_to_voxel.tolist() == expected
    assert [tuple(cell) for cell in voxels.cells.tolist()] == list(numbers)
    for voxel, (count, *rows) in enumerate(voxels.voxel_to_points().tolist()):
        assert rows[:count] == [i for i, v in enumerate(expected) if v == voxel]


def test_empty_cloud_has_no_voxel():
    voxels = voxelise(np.zeros((0, 3), dtype=np.int64))
    assert voxels.cells.shape == (0, 3)
    assert voxels.voxel_to_points().shape == (0, 1)


@pytest.mark.parametrize(
    "cells",
    [
        np.zeros((4, 3)),
        np.zeros(4, dtype=np.int64),
        np.array([[0, 0, 0], [2**30, 2**30, 2**30]]),
    ],
)
def test_refuses_what_it_cannot_number(cells: np.ndarray):
    with pytest.raises(ShapeError, match="voxelise"):
        voxelise(cells)
