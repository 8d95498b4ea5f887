"""Whether two answers say the same, and what the opposite of an answer is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.evaluation.metrics.answers import normalize_answer
from posealign_core.evaluation.metrics.masks import mask_scores, union_of_masks
from posealign_core.geometry import aabb_from_corners, aabb_iou

if TYPE_CHECKING:
    from posealign_core.structures import Prediction

__all__ = ["opposite_side", "same_answer"]

_SAME_IOU = 0.5
_OPPOSITE = {
    "left": "right",
    "right": "left",
    "front": "behind",
    "in front": "behind",
    "in front of": "behind",
    "back": "front",
    "behind": "front",
}


def same_answer(first: Prediction, second: Prediction) -> bool:
    """Whether two answers in the same world mean the same.

    Objects by their ids; else masks all together, or the first box each, by an overlap of at least
    a half; else the words, in the form in which answers are compared.
    """
    if first.object_ids or second.object_ids:
        return set(first.object_ids) == set(second.object_ids)
    if first.masks or second.masks:
        size = (first.masks or second.masks)[0].size
        one, other = (union_of_masks(answer.masks, size) for answer in (first, second))
        return mask_scores(one, other)["mask_iou"] >= _SAME_IOU
    if len(first.corners) or len(second.corners):
        boxes = [aabb_from_corners(answer.corners[:1]) for answer in (first, second)]
        return bool((aabb_iou(*boxes) >= _SAME_IOU).any())
    return normalize_answer(first.text) == normalize_answer(second.text)


def opposite_side(answer: str) -> str | None:
    """The answer that holds when the asker faces the other way; None where it names no side."""
    return _OPPOSITE.get(normalize_answer(answer))
