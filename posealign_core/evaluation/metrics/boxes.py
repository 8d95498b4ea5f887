"""Boxes against boxes: accuracy of one box, F1 of any number (benchmarks spec 2.1, 4.1, 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from posealign_core.geometry import aabb_iou, corners_from_aabb

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["THRESHOLDS", "accuracy_scores", "f1_scores", "generalized_iou"]

THRESHOLDS = (0.25, 0.5)
"""Overlaps from which on a box counts as found."""


def accuracy_scores(boxes: ArrayLike, target: ArrayLike) -> dict[str, float]:
    """Score the first of the predicted boxes against the one target.

    Args:
        boxes: (M, 6) `[centre, size]` in metres, axis-aligned, best first.
        target: (6,) likewise.

    Returns:
        `iou` (0 without a box), and `acc@0.25` and `acc@0.5`.
    """
    first = np.asarray(boxes, dtype=np.float64).reshape(-1, 6)[:1]
    iou = float(aabb_iou(first, target).sum())
    return {"iou": iou, **{f"acc@{k:g}": float(iou >= k) for k in THRESHOLDS}}


def f1_scores(boxes: ArrayLike, targets: ArrayLike) -> dict[str, float]:
    """Score a set of predicted boxes against a set of targets, either of which may be empty.

    Pairs are formed so that their overlaps add up to the most, whatever the threshold.

    Args:
        boxes: (M, 6) `[centre, size]` in metres, axis-aligned.
        targets: (K, 6) likewise.

    Returns:
        `f1@0.25` and `f1@0.5`; 1 where nothing was wanted and nothing was given.
    """
    iou = aabb_iou(boxes, targets)
    n_boxes, n_targets = iou.shape
    if n_boxes + n_targets == 0:
        return {f"f1@{k:g}": 1.0 for k in THRESHOLDS}
    paired = iou[linear_sum_assignment(iou, maximize=True)]
    return {f"f1@{k:g}": 2 * int((paired >= k).sum()) / (n_boxes + n_targets) for k in THRESHOLDS}


def generalized_iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Overlap less the share of the common hull that neither fills, in [-1, 1].

    Args:
        a: (M, 6) `[centre, size]` in metres, axis-aligned.
        b: (K, 6) likewise.

    Returns:
        (M, K), comparable also where boxes do not touch.
    """
    a_, b_ = (np.asarray(x, dtype=np.float64).reshape(-1, 6) for x in (a, b))
    iou = aabb_iou(a_, b_)
    total = a_[:, 3:].prod(axis=1)[:, None] + b_[:, 3:].prod(axis=1)[None]
    union = total / (1 + iou)
    ends = [corners_from_aabb(x)[:, [0, 7]] for x in (a_, b_)]
    low = np.minimum(ends[0][:, None, 0], ends[1][None, :, 0])
    high = np.maximum(ends[0][:, None, 1], ends[1][None, :, 1])
    hull = (high - low).prod(axis=-1)
    empty = np.divide(hull - union, hull, out=np.zeros_like(hull), where=hull > 0)
    generalized: NDArray[np.float64] = iou - empty
    return generalized
