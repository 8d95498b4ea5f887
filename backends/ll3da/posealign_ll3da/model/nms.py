"""Which proposals are kept for captions and scores (specification section 7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.boxes import Ranges, overlaps

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.proposals import Proposals

__all__ = ["keep_proposals"]

_MIN_POINTS = 5
_MAX_OVERLAP = 0.25


@torch.no_grad()
def keep_proposals(proposals: Proposals, xyz: Tensor, background: Fidelity) -> Tensor:
    """Suppress proposals without points, and those that repeat a likelier one of their class.

    Args:
        proposals: Q for each of B scenes.
        xyz: (B, N, 3) points of the sampled clouds, metres in INPUT.
        background: See `ModelFidelity.nms_background`.

    Returns:
        (B, Q) bool; without objects a scene keeps none, but for released background.
    """
    boxes = Ranges.of_corners(proposals.corners)
    candidates = _with_points(boxes, xyz)
    if background is Fidelity.CORRECT:
        candidates &= proposals.is_object
    else:
        best = torch.nn.functional.one_hot(
            proposals.objectness.argmax(1), candidates.shape[1]
        ).bool()
        candidates |= best & ~candidates.any(1, keepdim=True)
    classes = proposals.class_logits[..., :-1].argmax(-1)
    rivals = (overlaps(boxes, boxes, 0.0) > _MAX_OVERLAP) & (
        classes[:, :, None] == classes[:, None]
    )
    kept = torch.zeros_like(candidates)
    order = proposals.objectness.argsort(dim=1, descending=True, stable=True)
    rows = torch.arange(len(order), device=order.device)
    for query in order.unbind(1):
        kept[rows, query] = candidates[rows, query] & ~(rivals[rows, query] & kept).any(1)
    return kept


def _with_points(boxes: Ranges, xyz: Tensor) -> Tensor:
    """(B, Q) bool: boxes with enough points strictly inside."""
    counts = []
    for low, high in zip(boxes.low.unbind(1), boxes.high.unbind(1), strict=True):
        inside = (xyz > low[:, None]) & (xyz < high[:, None])
        counts.append(inside.all(-1).sum(-1))
    return torch.stack(counts, dim=1) >= _MIN_POINTS
