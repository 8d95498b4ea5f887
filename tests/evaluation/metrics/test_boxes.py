from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.evaluation.metrics import (
    accuracy_scores,
    f1_scores,
    generalized_iou,
    selection_scores,
)
from posealign_core.geometry import aabb_iou

A = (0.0, 0.0, 0.0, 1.0, 1.0, 1.0)
B = (5.0, 0.0, 0.0, 1.0, 1.0, 1.0)
HALF = (0.5, 0.0, 0.0, 1.0, 1.0, 1.0)  # overlaps A by a third


def test_accuracy_of_the_first_box() -> None:
    assert accuracy_scores([HALF, A], A) == {
        "iou": pytest.approx(1 / 3),
        "acc@0.25": 1.0,
        "acc@0.5": 0.0,
    }
    assert accuracy_scores(np.zeros((0, 6)), A) == {"iou": 0.0, "acc@0.25": 0.0, "acc@0.5": 0.0}


@pytest.mark.parametrize(
    ("boxes", "targets", "at_25", "at_50"),
    [
        ([], [], 1, 1),
        ([A], [], 0, 0),
        ([], [A], 0, 0),
        ([A, A], [A], 2 / 3, 2 / 3),
        ([A], [A, B], 2 / 3, 2 / 3),
        ([HALF], [A], 1, 0),
        ([B, A], [A, B], 1, 1),
        ([HALF, B], [A, B], 1, 0.5),
    ],
)
def test_f1(boxes: list[object], targets: list[object], at_25: float, at_50: float) -> None:
    scores = f1_scores(boxes, targets)  # type: ignore[arg-type]
    assert scores == {"f1@0.25": pytest.approx(at_25), "f1@0.5": pytest.approx(at_50)}


_boxes = st.lists(
    st.tuples(*[st.floats(-1, 1)] * 3, *[st.floats(0.2, 2)] * 3), min_size=1, max_size=4
)


@given(_boxes, _boxes)
def test_f1_pairs_for_the_largest_total_overlap(boxes: list[object], targets: list[object]) -> None:
    """The best of all pairings, tried one by one."""
    iou = aabb_iou(boxes, targets)  # type: ignore[arg-type]
    if iou.shape[0] > iou.shape[1]:
        iou = iou.T
    pairings = itertools.permutations(range(iou.shape[1]), iou.shape[0])
    chosen = [iou[np.arange(len(p)), p] for p in pairings]
    most = max(c.sum() for c in chosen)
    accepted = {
        2 * int((c >= 0.25).sum()) / sum(iou.shape) for c in chosen if c.sum() > most - 1e-12
    }
    assert f1_scores(boxes, targets)["f1@0.25"] in accepted  # type: ignore[arg-type]


def test_generalized_overlap() -> None:
    found = generalized_iou([A, HALF, B], [A])
    # The hull of A and HALF is full; that of A and B is six long and holds two cubes.
    assert found[:, 0] == pytest.approx([1, 1 / 3, -4 / 6], abs=1e-7)


@given(_boxes, _boxes)
def test_generalized_overlap_is_at_most_the_overlap(a: list[object], b: list[object]) -> None:
    generalized = generalized_iou(a, b)  # type: ignore[arg-type]
    assert (generalized <= aabb_iou(a, b) + 1e-5).all()  # type: ignore[arg-type]
    assert (generalized >= -1).all()
    assert np.allclose(generalized.T, generalized_iou(b, a), atol=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "targets", "accuracy"),
    [((3,), (3,), 1), ((7, 3), (3,), 0), ((), (3,), 0), ((3, 7), (3, 9), 1), ((), (), 0)],
)
def test_selection(chosen: tuple[int, ...], targets: tuple[int, ...], accuracy: float) -> None:
    assert selection_scores(chosen, targets) == {"accuracy": accuracy}
