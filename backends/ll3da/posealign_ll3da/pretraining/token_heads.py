"""What scene tokens are to tell by themselves before any word is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_ll3da.pretraining.rooms import COLOR_NAMES, KIND_NAMES

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.scene import SceneFeatures
    from posealign_ll3da.pretraining.batches import TokenLabels

__all__ = ["TokenHeads"]

NOTHING_WEIGHT = 0.1
"""Of floor and walls, which most tokens stand on."""


class TokenHeads(nn.Module):
    """Linear heads for kind, colour and box of what a token stands on; they are not kept.

    Args:
        width: Channels of a scene token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.kind = nn.Linear(width, len(KIND_NAMES) + 1)
        self.tint = nn.Linear(width, len(COLOR_NAMES))
        self.box = nn.Linear(width, 6)

    def forward(self, scene: SceneFeatures, labels: TokenLabels) -> dict[str, Tensor]:
        """Named losses of the tokens of some rooms."""
        inside = labels.inside
        owned, boxes = scene.tokens[inside], labels.boxes[inside]
        kinds = torch.where(inside, labels.kinds, len(KIND_NAMES))
        weights = scene.tokens.new_ones(len(KIND_NAMES) + 1)
        weights[-1] = NOTHING_WEIGHT
        offsets = torch.cat([boxes[:, :3] - scene.xyz[inside], boxes[:, 3:]], dim=1)
        return {
            "kinds": nn.functional.cross_entropy(self.kind(scene.tokens).mT, kinds, weights),
            "tints": nn.functional.cross_entropy(self.tint(owned), labels.tints[inside]),
            "boxes": (self.box(owned) - offsets).abs().mean(),
        }
