"""The loss of referring segmentation (specification section 3.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_core.errors import ShapeError
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_3d_llava.model.mask_decoder import SegmentedScenes

__all__ = ["segmentation_loss"]

BCE_WEIGHT = 0.1
DICE_WEIGHT = 0.1
PUBLISHED_BATCH_FACTOR = 2.0
"""What 4 / n comes to for the published micro-batch of two samples."""


def segmentation_loss(segmented: SegmentedScenes, targets: Tensor, fidelity: Fidelity) -> Tensor:
    """Binary cross-entropy and Dice of the best query of each scene, summed over levels.

    Args:
        segmented: Predictions of R scenes.
        targets: (R, Q) bool, the superpoints that are meant.
        fidelity: See `ModelFidelity.dice_weight`.

    Raises:
        ShapeError: The targets do not match the superpoints.
    """
    if targets.shape != segmented.superpoint_valid.shape:
        raise ShapeError(
            f"segmentation loss: wanted targets {tuple(segmented.superpoint_valid.shape)}, "
            f"found {tuple(targets.shape)}"
        )
    n_scenes = len(targets)
    factor = 4.0 / n_scenes if fidelity is Fidelity.RELEASED else PUBLISHED_BATCH_FACTOR
    rows = torch.arange(n_scenes, device=targets.device)
    losses = []
    for logits in segmented.levels:
        bce, dice = _query_losses(logits.float(), targets.float(), segmented.superpoint_valid)
        cost = (bce + dice).detach().masked_fill(~segmented.query_valid, float("inf"))
        best = cost.argmin(dim=1)
        losses.append(
            BCE_WEIGHT * bce[rows, best].mean() + DICE_WEIGHT * factor * dice[rows, best].mean()
        )
    return torch.stack(losses).sum()


def _query_losses(logits: Tensor, targets: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Mean cross-entropy and Dice loss, each (R, S), of logits (R, S, Q) to targets (R, Q)."""
    inside = valid[:, None].float()
    wanted = targets[:, None].expand_as(logits)
    bce = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none") * inside
    found = logits.sigmoid() * inside
    overlap, total = (found * wanted).sum(-1), found.sum(-1) + wanted.sum(-1)
    return bce.sum(-1) / inside.sum(-1), 1.0 - (2.0 * overlap + 1.0) / (total + 1.0)
