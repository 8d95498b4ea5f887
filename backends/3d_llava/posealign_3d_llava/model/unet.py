"""The sparse-convolution U-Net (specification section 2.2)."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_3d_llava.model.batch_norm import BatchNorm
from posealign_core.nn.sparse_conv import (
    InverseConv3d,
    PointwiseConv3d,
    SparseModule,
    SparseSequential,
    StridedConv3d,
    SubmanifoldConv3d,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.nn.sparse_conv import SparseTensor
    from posealign_core.vocabulary import Fidelity

__all__ = ["ResidualBlock", "UNet"]


class ResidualBlock(SparseModule):
    """Two normalised submanifold convolutions beside a shortcut.

    Args:
        n_in: Input channels.
        n_out: Output channels; the shortcut is a pointwise convolution where they differ.
        key: Indice key of the level.
        frozen: See `BatchNorm`.
    """

    def __init__(self, n_in: int, n_out: int, key: str, frozen: Fidelity) -> None:
        super().__init__()
        self.i_branch = SparseSequential(*([] if n_in == n_out else [PointwiseConv3d(n_in, n_out)]))
        self.conv_branch = SparseSequential(
            BatchNorm(n_in, frozen),
            nn.ReLU(),
            SubmanifoldConv3d(n_in, n_out, key=key),
            BatchNorm(n_out, frozen),
            nn.ReLU(),
            SubmanifoldConv3d(n_out, n_out, key=key),
        )

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Features (M, n_in) become (M, n_out)."""
        shortcut: SparseTensor = self.i_branch(x)
        return shortcut.with_features(shortcut.features + self.conv_branch(x).features)


class UNet(SparseModule):
    """One level, with the deeper levels inside it as `u`.

    Args:
        planes: Channels of this level and of the deeper ones.
        n_blocks: Residual blocks on each side.
        frozen: See `BatchNorm`.
        level: Depth of this level, 1 at the top; it names the indice keys.
    """

    def __init__(
        self, planes: Sequence[int], n_blocks: int, frozen: Fidelity, level: int = 1
    ) -> None:
        super().__init__()
        here, grid, stride = planes[0], f"subm{level}", f"spconv{level}"
        self.blocks = _blocks([here] * (n_blocks + 1), grid, frozen)
        self.is_deepest = len(planes) == 1
        if self.is_deepest:
            return
        below = planes[1]
        self.conv = SparseSequential(
            BatchNorm(here, frozen), nn.ReLU(), StridedConv3d(here, below, key=stride)
        )
        self.u = UNet(planes[1:], n_blocks, frozen, level + 1)
        self.deconv = SparseSequential(
            BatchNorm(below, frozen), nn.ReLU(), InverseConv3d(below, here, key=stride)
        )
        self.blocks_tail = _blocks([2 * here, *[here] * n_blocks], grid, frozen)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Features (M, planes[0]) of the same width, with context from the deeper levels."""
        skip: SparseTensor = self.blocks(x)
        if self.is_deepest:
            return skip
        up = self.deconv(self.u(self.conv(skip)))
        joined = skip.with_features(torch.cat([skip.features, up.features], dim=1))
        result: SparseTensor = self.blocks_tail(joined)
        return result


def _blocks(widths: Sequence[int], key: str, frozen: Fidelity) -> SparseSequential:
    """Residual blocks `block0`, `block1`, ... between successive widths."""
    steps = enumerate(pairwise(widths))
    return SparseSequential(
        OrderedDict((f"block{i}", ResidualBlock(a, b, key, frozen)) for i, (a, b) in steps)
    )
