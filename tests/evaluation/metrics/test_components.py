from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.evaluation.metrics.components import CELL_M, PointGraph


def sizes(points: object, superpoint_ids: object = None) -> list[int]:
    """Numbers of points of the parts of a mask that holds all of them."""
    ids = None if superpoint_ids is None else np.asarray(superpoint_ids, dtype=np.int64)
    found = np.array(points, dtype=float).reshape(-1, 3)
    parts = PointGraph.of(found, ids).parts(np.ones(len(found), dtype=bool))
    assert sorted(i for part in parts for i in part) == list(range(len(found)))
    return [len(part) for part in parts]


def test_points_apart_are_parts_and_near_ones_are_one() -> None:
    assert sizes([]) == []
    assert sizes([], []) == []
    assert sizes([[0, 0, 0], [0.04, 0, 0], [1, 0, 0]]) == [2, 1]
    # A chain: each link touches the next, its ends are a metre apart.
    chain = [[i * CELL_M, 0.01, 0.01] for i in range(20)]
    assert sizes(chain) == [20]
    # Cells that meet in a corner touch; with a cell between them they do not.
    assert sizes([[0.01, 0.01, 0.01], [0.06, 0.06, 0.06]]) == [2]
    assert sizes([[0.01, 0.01, 0.01], [0.11, 0.01, 0.01]]) == [1, 1]


def test_superpoints_hold_together_what_lies_apart() -> None:
    points = [[0, 0, 0], [1, 0, 0], [2, 0, 0], [2.01, 0, 0]]
    assert sizes(points, [5, 5, 9, 9]) == [2, 2]
    assert sizes(points, [5, 9, 9, 5]) == [4]  # 5 and 9 meet at two metres
    assert sizes(points, [0, 1, 2, 3]) == [1, 1, 2]


@given(st.lists(st.tuples(*[st.floats(-1, 1)] * 3), max_size=30), st.integers(0, 2**31 - 1))
def test_parts_cover_the_mask_once_whatever_the_order(points: list[object], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(points))
    shuffled = np.array(points, dtype=float).reshape(-1, 3)[order]
    assert sorted(sizes(points)) == sorted(sizes(shuffled))
    assert sum(sizes(points)) == len(points)


def test_parts_of_a_mask_are_places_in_the_scan() -> None:
    points = np.array([[0.0, 0, 0], [5, 0, 0], [0.01, 0, 0], [5.01, 0, 0], [9, 0, 0]])
    graph = PointGraph.of(points, None)
    parts = graph.parts(np.array([True, True, False, True, False]))
    assert [part.tolist() for part in parts] == [[0], [1, 3]]
    # Superpoint 7 lies between 1 and 2, which touch only by it.
    row = np.arange(9)[:, None] * np.array([[0.04, 0, 0]])
    graph = PointGraph.of(row, np.array([1, 1, 1, 7, 7, 7, 2, 2, 2]))
    assert [len(part) for part in graph.parts(np.ones(9, dtype=bool))] == [9]
    between = np.arange(9) // 3 != 1
    assert [part.tolist() for part in graph.parts(between)] == [[0, 1, 2], [6, 7, 8]]
