"""One block: position by convolution, attention, feed-forward (section 8.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from posealign_core.nn.sparse_conv import SparseSequential, SubmanifoldConv3d
from posealign_ll3da_sonata.ptv3.attention import SerializedAttention

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.nn.sparse_conv import SparseTensor
    from posealign_ll3da_sonata.ptv3.config import EncoderConfig, EncoderOptions
    from posealign_ll3da_sonata.ptv3.windows import Windows

__all__ = ["Block"]


class Mlp(nn.Module):
    """Two linear maps with an exact GELU between.

    Args:
        width: Channels.
        hidden: Channels between.
        dropout: Rate after each map.
    """

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.act = nn.GELU()
        self.fc2 = nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C) to (N, C)."""
        out: Tensor = self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))
        return out


class Block(nn.Module):
    """A pre-norm transformer block on voxels; containers of one give keys their published names.

    Args:
        config: Sizes.
        stage: Which of its stages.
        drop_path: Rate at which a voxel skips a residual branch in training.
        options: Arithmetic.
    """

    def __init__(
        self, config: EncoderConfig, stage: int, drop_path: float, options: EncoderOptions
    ) -> None:
        super().__init__()
        width = config.channels[stage]
        self.cpe = SparseSequential(
            SubmanifoldConv3d(width, width, key="cpe", bias=True),
            nn.Linear(width, width),
            nn.LayerNorm(width),
        )
        self.norm1 = nn.Sequential(nn.LayerNorm(width))
        self.attn = SerializedAttention(config, stage, options)
        self.norm2 = nn.Sequential(nn.LayerNorm(width))
        self.mlp = nn.Sequential(
            Mlp(width, int(width * config.mlp_ratio), config.projection_dropout)
        )
        self.drop_path = drop_path

    def forward(
        self, x: SparseTensor, order: Tensor, position: Tensor, windows: Windows
    ) -> SparseTensor:
        """Update features (N, C); see `SerializedAttention.forward` for the rest."""
        features = x.features + self.cpe(x).features
        attended = self.attn(self.norm1(features), order, position, windows)
        features = features + self._skip_some(attended)
        features = features + self._skip_some(self.mlp(self.norm2(features)))
        return x.with_features(features)

    def _skip_some(self, branch: Tensor) -> Tensor:
        """Stochastic depth by voxel: some rows are zero in training, the others larger for it."""
        if not self.training:
            return branch
        return branch * nn.functional.dropout(branch.new_ones(len(branch), 1), self.drop_path)
