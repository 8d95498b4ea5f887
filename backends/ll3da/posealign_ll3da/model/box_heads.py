"""From decoder states to boxes (specification section 2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from posealign_ll3da.model.pointwise_mlp import PointwiseMlp, normed_layers
from posealign_ll3da.model.proposals import Proposals

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.cloud import Extent
    from posealign_ll3da.model.config import DetectorConfig

__all__ = ["BoxHeads"]

_SMALLEST_EXTENT_M = 0.1


class BoxHeads(nn.ModuleDict):
    """Class, centre and size of boxes.

    The two angle heads have weights in published checkpoints but no say: boxes stand along axes.

    Args:
        config: Sizes.
    """

    def __init__(self, config: DetectorConfig) -> None:
        outputs = {
            "sem_cls_head": config.n_classes + 1,
            "center_head": 3,
            "size_head": 3,
            "angle_cls_head": 1,
            "angle_residual_head": 1,
        }
        width, dropout = config.width, config.head_dropout
        super().__init__(
            {
                name: PointwiseMlp(
                    [
                        *normed_layers(width, width, dropout, bias=False),
                        *normed_layers(width, width, dropout, bias=False),
                        nn.Conv1d(width, n_out, 1),
                    ]
                )
                for name, n_out in outputs.items()
            }
        )

    def forward(self, states: Tensor, query_xyz: Tensor, extent: Extent) -> Proposals:
        """Decode states (B, Q, D) of queries at (B, Q, 3) metres."""
        logits, center, size = (
            self[name](states.mT).mT for name in ("sem_cls_head", "center_head", "size_head")
        )
        largest = extent.size.clamp(min=_SMALLEST_EXTENT_M)
        return Proposals(
            class_logits=logits,
            centers=query_xyz + center.sigmoid() - 0.5,
            sizes=size.sigmoid() * largest[:, None],
            features=states,
            query_xyz=query_xyz,
        )
