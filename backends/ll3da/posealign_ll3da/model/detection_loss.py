"""Set loss and vote loss, for training a detector (specification section 2.9)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn

from posealign_ll3da.model.boxes import Ranges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from posealign_ll3da.model.cloud import Extent
    from posealign_ll3da.model.proposals import Proposals

__all__ = ["DetectionCriterion", "DetectionLoss", "DetectionTargets", "generalised_iou"]

_NO_OBJECT_WEIGHT = 0.25
_WEIGHTS = {"giou": 10.0, "class": 1.0, "center": 5.0, "size": 1.0, "vote": 10.0}


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectionTargets:
    """The objects of B scenes, padded to G.

    Attributes:
        centers: (B, G, 3) metres in INPUT.
        sizes: (B, G, 3) metres along the axes of INPUT.
        classes: (B, G) int64; an object below 0 is of no known class and is left out.
        present: (B, G) bool, False on padding.
        votes: (B, N, 3) from each point of the cloud to the centre of its object, metres.
        has_vote: (B, N) bool, False for points of no object.
    """

    centers: Tensor
    sizes: Tensor
    classes: Tensor
    present: Tensor
    votes: Tensor
    has_vote: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectionLoss:
    """The sum, and what it is made of.

    Attributes:
        total: Scalar.
        terms: Unweighted terms by name, summed over decoder layers, detached.
    """

    total: Tensor
    terms: Mapping[str, Tensor]


class _SetPredictionLoss(nn.Module):
    """Hungarian matching, then classes of all and boxes of matched proposals."""

    semcls_percls_weights: Tensor

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        weights = torch.ones(n_classes + 1)
        weights[-1] = _NO_OBJECT_WEIGHT
        self.register_buffer("semcls_percls_weights", weights)

    def forward(
        self, proposals: Proposals, extent: Extent, targets: DetectionTargets
    ) -> dict[str, Tensor]:
        """Terms of one decoder layer."""
        item, query, target = _match(proposals, targets)
        background = proposals.class_logits.shape[-1] - 1
        classes = torch.full(
            proposals.centers.shape[:2], background, device=proposals.centers.device
        )
        classes[item, query] = targets.classes[item, target]
        center, size = proposals.centers[item, query], proposals.sizes[item, query]
        true_center, true_size = targets.centers[item, target], targets.sizes[item, target]
        giou = generalised_iou(_ranges(center, size), _ranges(true_center, true_size))
        n_boxes = max(len(item), 1)
        scale = extent.size[item]
        return {
            "class": nn.functional.cross_entropy(
                proposals.class_logits.mT, classes, self.semcls_percls_weights
            ),
            "giou": (1 - giou).sum() / n_boxes,
            "center": ((center - true_center) / scale).abs().sum() / n_boxes,
            "size": ((size - true_size) / scale).abs().sum() / n_boxes,
        }


class DetectionCriterion(nn.Module):
    """The set loss of every decoder layer and the vote loss.

    The published angle terms are left out: their targets are constant and nothing reads the angles.

    Args:
        n_classes: Object classes, without background.
    """

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.set_prediction_loss = _SetPredictionLoss(n_classes)

    def forward(
        self,
        layers: Sequence[Proposals],
        extent: Extent,
        targets: DetectionTargets,
        *,
        vote_xyz: Tensor,
        seed_xyz: Tensor,
        seed_rows: Tensor,
    ) -> DetectionLoss:
        """Compare what was detected with what is there.

        Args:
            layers: Proposals of each decoder layer.
            extent: Of the scenes.
            targets: Their objects.
            vote_xyz: (B, K, 3) where tokens see the centre of their object, metres.
            seed_xyz: (B, K, 3) where the tokens are.
            seed_rows: (B, K) int64 which point of the cloud they are at.
        """
        per_layer = [self.set_prediction_loss(layer, extent, targets) for layer in layers]
        terms = {name: sum((t[name] for t in per_layer), vote_xyz.new_zeros(()))
                 for name in per_layer[0]}  # fmt: skip
        votes = targets.votes.gather(1, seed_rows[..., None].expand(-1, -1, 3))
        counts = targets.has_vote.gather(1, seed_rows).to(vote_xyz.dtype)
        miss = (vote_xyz - seed_xyz - votes).abs().sum(dim=-1)
        terms["vote"] = (miss * counts).sum() / (counts.sum() + 1e-6)
        total = sum((_WEIGHTS[name] * t for name, t in terms.items()), vote_xyz.new_zeros(()))
        return DetectionLoss(total=total, terms={k: t.detach() for k, t in terms.items()})


def generalised_iou(a: Ranges, b: Ranges) -> Tensor:
    """Generalised overlap (n,) of boxes in pairs, -1 to 1."""
    common = (torch.minimum(a.high, b.high) - torch.maximum(a.low, b.low)).clamp(min=0).prod(-1)
    hull = (torch.maximum(a.high, b.high) - torch.minimum(a.low, b.low)).prod(-1)
    union = a.volume + b.volume - common
    epsilon = torch.finfo(union.dtype).tiny
    return common / union.clamp(min=epsilon) - (hull - union) / hull.clamp(min=epsilon)


def _ranges(centers: Tensor, sizes: Tensor) -> Ranges:
    return Ranges(centers - sizes / 2, centers + sizes / 2)


@torch.no_grad()
def _match(proposals: Proposals, targets: DetectionTargets) -> tuple[Tensor, Tensor, Tensor]:
    """Item, proposal and object of every pair."""
    wanted = targets.present & (targets.classes >= 0)
    predicted = _ranges(proposals.centers, proposals.sizes)
    true = _ranges(targets.centers, targets.sizes)
    giou = generalised_iou(
        Ranges(predicted.low[:, :, None], predicted.high[:, :, None]),
        Ranges(true.low[:, None], true.high[:, None]),
    )
    classes = targets.classes.clamp(min=0)[:, None].expand_as(giou)
    probability = proposals.class_logits.softmax(-1).gather(2, classes)
    # One transfer for the whole batch; the assignment itself runs on the CPU.
    costs = (-probability - 2 * giou).float().cpu().numpy()
    pairs = []
    for item, present in enumerate(wanted.cpu().numpy()):
        objects = present.nonzero()[0]
        query, column = linear_sum_assignment(costs[item][:, objects])
        pairs.append(np.stack([np.full_like(query, item), query, objects[column]]))
    item, query, target = torch.from_numpy(np.concatenate(pairs, axis=1)).to(targets.classes.device)
    return item, query, target
