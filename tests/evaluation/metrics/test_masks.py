from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import ShapeError
from posealign_core.evaluation.metrics import mask_scores, union_of_masks
from posealign_core.structures import RunLengthMask


@pytest.mark.parametrize(
    ("mask", "target", "iou", "at_25", "at_50"),
    [
        ("1100", "0110", 1 / 3, 1, 0),
        ("1100", "1000", 1 / 2, 1, 1),
        ("1111", "1000", 1 / 4, 1, 0),
        ("1000", "0100", 0, 0, 0),
        ("0000", "0100", 0, 0, 0),  # nothing was found
        ("0100", "0000", 0, 0, 0),  # nothing was there
        ("0000", "0000", 1, 1, 1),
    ],
)
def test_overlap(mask: str, target: str, iou: float, at_25: float, at_50: float) -> None:
    a, b = (np.array([c == "1" for c in text]) for text in (mask, target))
    assert mask_scores(a, b) == {
        "mask_iou": pytest.approx(iou),
        "mask_acc@0.25": at_25,
        "mask_acc@0.5": at_50,
    }


def test_masks_join() -> None:
    masks = [RunLengthMask.encode([1, 0, 0, 0]), RunLengthMask.encode([0, 0, 1, 0])]
    assert union_of_masks(masks, 4).tolist() == [True, False, True, False]
    assert union_of_masks([], 2).tolist() == [False, False]


def test_masks_must_fit_the_scan() -> None:
    with pytest.raises(ShapeError, match="wanted 5 points"):
        union_of_masks([RunLengthMask.encode([1, 0])], 5)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30))
def test_overlap_is_that_of_sets(points: list[tuple[bool, bool]]) -> None:
    mask, target = np.array(points).T
    a, b = ({i for i, held in enumerate(m) if held} for m in (mask, target))
    wanted = len(a & b) / len(a | b) if a | b else 1.0
    assert mask_scores(mask, target)["mask_iou"] == pytest.approx(wanted)
