"""Choosing one of a scene's objects by the box that was stated for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import aabb_iou
from posealign_ll3da.encode.boxes import object_boxes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample
    from posealign_ll3da.encode.boxes import ObjectBoxes
    from posealign_ll3da.encode.placement import Placement

__all__ = ["best_choice", "choices_of"]


def choices_of(sample: AlignedSample, placement: Placement) -> ObjectBoxes:
    """The candidates that a question names, else all objects of the scene, placed."""
    wanted = sample.query.candidates or None
    return object_boxes(sample, placement, "enclose", wanted)


def best_choice(choices: ObjectBoxes, stated: NDArray[np.float64]) -> tuple[int, ...]:
    """The candidate that overlaps the first stated box most; the nearest where none does.

    Args:
        choices: The candidates.
        stated: (M, 6) boxes in the same frame; without any, nothing is chosen.
    """
    if len(stated) == 0 or len(choices.boxes) == 0:
        return ()
    overlap = aabb_iou(choices.boxes, stated[:1])[:, 0]
    gaps = np.linalg.norm(choices.boxes[:, :3] - stated[0, :3], axis=1)
    row = overlap.argmax() if overlap.max() > 0 else gaps.argmin()
    return (int(choices.object_ids[row]),)
