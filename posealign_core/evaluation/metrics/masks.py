"""Point masks against point masks (benchmarks spec 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import ShapeError
from posealign_core.evaluation.metrics.boxes import THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from posealign_core.structures import RunLengthMask

__all__ = ["mask_scores", "union_of_masks"]


def union_of_masks(masks: Sequence[RunLengthMask], n_points: int) -> NDArray[np.bool_]:
    """Points (N,) that any of the masks holds; none where there is no mask.

    Raises:
        ShapeError: A mask is over another number of points.
    """
    union = np.zeros(n_points, dtype=bool)
    for mask in masks:
        if mask.size != n_points:
            raise ShapeError(
                f"mask: wanted {n_points} points, as the scan has, found {mask.size}; were the "
                "predictions made for another version of the scan?"
            )
        union |= mask.decode()
    return union


def mask_scores(mask: NDArray[np.bool_], target: NDArray[np.bool_]) -> dict[str, float]:
    """Score a mask.

    Args:
        mask: (N,) predicted points.
        target: (N,) points of all targets together.

    Returns:
        `mask_iou`, `mask_acc@0.25` and `mask_acc@0.5`; 1 where nothing was wanted and nothing was
        given, 0 where only one of them is empty.
    """
    union = int((mask | target).sum())
    iou = int((mask & target).sum()) / union if union else 1.0
    return {"mask_iou": iou, **{f"mask_acc@{k:g}": float(iou >= k) for k in THRESHOLDS}}
