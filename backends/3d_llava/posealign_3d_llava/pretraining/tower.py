"""What the tower learns about superpoints: what they are part of, and where that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_3d_llava.pretraining.rooms import COLOR_NAMES, KIND_NAMES

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_3d_llava.model.segmentor import SceneFeatures
    from posealign_3d_llava.model.tower import PointCloudTower
    from posealign_3d_llava.pretraining.batches import SuperpointLabels

__all__ = ["SuperpointTask"]

NOTHING_WEIGHT = 0.1
"""Of "no object" among the classes, which most superpoints are."""
CENTER_SCALE_M = 2.0


class SuperpointTask(nn.Module):
    """Losses on the decoder's states. The heads for colour and centre are not kept.

    Of each object the one superpoint that looks most like it is to be of its class, and the others
    "no object", so that the most confident superpoints are one scene token per object.

    Args:
        tower: The tower.
    """

    def __init__(self, tower: PointCloudTower) -> None:
        super().__init__()
        self.tower = tower
        self.tint = nn.Linear(tower.config.width, len(COLOR_NAMES))
        self.center = nn.Linear(tower.config.width, 3)

    def forward(self, features: SceneFeatures, labels: SuperpointLabels) -> dict[str, Tensor]:
        """Named losses of B encoded scenes."""
        states, inside = features.hidden[-1], labels.inside
        owned = states[inside]
        kinds = torch.where(inside, labels.kinds, len(KIND_NAMES))
        semantic = self.tower.segmentor.decoder.out_sem(states[labels.valid])
        offset = self.center(owned) - labels.centers[inside] / CENTER_SCALE_M
        return {
            "classes": self._class_loss(features.class_logits, labels),
            "parts": nn.functional.cross_entropy(semantic, kinds[labels.valid]),
            "tints": nn.functional.cross_entropy(self.tint(owned), labels.tints[inside]),
            "centers": offset.abs().mean(),
        }

    def _class_loss(self, logits: Tensor, labels: SuperpointLabels) -> Tensor:
        chosen = representatives(logits.detach(), labels)
        targets = torch.where(chosen, labels.kinds, len(KIND_NAMES))
        weights = logits.new_ones(logits.shape[-1])
        weights[-1] = NOTHING_WEIGHT
        valid = labels.valid
        return nn.functional.cross_entropy(logits[valid], targets[valid], weight=weights)


def representatives(logits: Tensor, labels: SuperpointLabels) -> Tensor:
    """(B, Q) bool: of each object, the superpoint that is most confident of its kind."""
    own = logits.softmax(-1).gather(-1, labels.kinds[..., None])[..., 0]
    score, owners = own[labels.inside], labels.owners[labels.inside]
    best = score.new_zeros(int(owners.max()) + 1).scatter_reduce(0, owners, score, "amax")
    chosen = torch.zeros_like(labels.inside)
    chosen[labels.inside] = score >= best[owners]
    return chosen
