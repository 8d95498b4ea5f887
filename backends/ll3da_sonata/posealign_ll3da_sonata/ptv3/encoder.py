"""The encoder: a stem, then stages of blocks with a pooling between each two (section 8)."""

from __future__ import annotations

from itertools import accumulate, cycle, pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import nn

from posealign_core.errors import ConfigError, ShapeError
from posealign_core.nn.serialization import serialize
from posealign_core.nn.sparse_conv import SubmanifoldConv3d, sparse_tensor
from posealign_ll3da_sonata.ptv3.block import Block
from posealign_ll3da_sonata.ptv3.config import EncoderOptions
from posealign_ll3da_sonata.ptv3.points import Stage
from posealign_ll3da_sonata.ptv3.pooling import GridPooling
from posealign_ll3da_sonata.ptv3.windows import make_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from posealign_core.nn.serialization import CurveOrders
    from posealign_core.nn.sparse_conv import SparseTensor
    from posealign_ll3da_sonata.ptv3.config import EncoderConfig
    from posealign_ll3da_sonata.ptv3.points import PointBatch

__all__ = ["PointTransformer", "draw_permutations"]


def draw_permutations(
    config: EncoderConfig, generator: torch.Generator | None = None
) -> list[list[int]]:
    """Shuffle the curves of every stage, as the release does in training and in evaluation.

    Args:
        config: The encoder's sizes.
        generator: On the CPU; None takes torch's default one, as the release does.
    """
    n_curves = len(config.curves)
    return [torch.randperm(n_curves, generator=generator).tolist() for _ in range(config.n_stages)]


class Stem(nn.Module):
    """A linear map and a norm under the names that checkpoints have."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(in_channels, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, C_in) to (N, C)."""
        return nn.functional.gelu(self.norm(self.linear(features)))


class Embedding(nn.Module):
    """Features of voxels, or the learnt one where a voxel is masked."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.channels[0]
        self.stem = Stem(config.in_channels, width)
        self.mask_token = nn.Parameter(torch.zeros(1, width)) if config.mask_token else None

    def forward(self, features: Tensor, mask: Tensor | None) -> Tensor:
        """Map (N, C_in) to (N, C); `mask` (N,) bool says what is hidden."""
        embedded: Tensor = self.stem(features)
        if mask is None:
            return embedded
        if self.mask_token is None:
            raise ConfigError(
                ["wanted mask_token: true to mask points, found an encoder without one"],
                source="Point Transformer V3",
            )
        return torch.where(mask[:, None], self.mask_token.to(embedded.dtype), embedded)


class EncoderStage(nn.Module):
    """A pooling, except at the finest resolution, and blocks that take the curves in turn."""

    def __init__(
        self,
        config: EncoderConfig,
        stage: int,
        drop_path: Sequence[float],
        options: EncoderOptions,
    ) -> None:
        super().__init__()
        self.options = options
        self.patch_size = config.patch_sizes[stage]
        self.down: GridPooling | None = None
        if stage:
            finer, width = config.channels[stage - 1 : stage + 1]
            self.down = GridPooling(finer, width, config.strides[stage - 1])
        for i, rate in enumerate(drop_path):
            self.add_module(f"block{i}", Block(config, stage, rate, options))

    def forward(self, points: PointBatch, curves: CurveOrders) -> Tensor:
        """Update the features (N, C) of voxels that are of this resolution already."""
        size = self.patch_size
        if self.options.windows == "min":
            size = min(size, *points.counts)
        windows = make_windows(points.counts, size, points.features.device)
        x = _on_grid(points, self.options.convolution)
        blocks = [module for module in self.children() if isinstance(module, Block)]
        for block, row in zip(blocks, cycle(range(len(curves.orders))), strict=False):
            x = block(x, curves.orders[row], curves.positions[row], windows)
        return x.features


class PointTransformer(nn.Module):
    """Point Transformer V3 without a decoder.

    Args:
        config: Sizes.
        options: Arithmetic.
    """

    def __init__(self, config: EncoderConfig, options: EncoderOptions | None = None) -> None:
        super().__init__()
        self.sizes = config
        self.options = options or EncoderOptions()
        self.embedding = Embedding(config)
        rates = torch.linspace(0, config.drop_path, sum(config.depths), device="cpu").tolist()
        ends = [*accumulate(config.depths, initial=0)]
        self.enc = nn.ModuleDict(
            {
                f"enc{s}": EncoderStage(config, s, rates[start:end], self.options)
                for s, (start, end) in enumerate(pairwise(ends))
            }
        )
        self.apply(_initialise)

    def forward(
        self,
        points: PointBatch,
        *,
        permutations: Sequence[Sequence[int]] | None = None,
        mask: Tensor | None = None,
    ) -> list[Stage]:
        """Compute features at every resolution, the finest first.

        Args:
            points: Voxels with input features (N, C_in).
            permutations: Which curve comes in each place, per stage (`draw_permutations`); None
                keeps the configured order everywhere, so that equal inputs give equal features.
            mask: (N,) bool voxels whose features are hidden.

        Raises:
            ShapeError: Channels differ from the encoder's, voxels repeat, or the scene is larger
                than the curves reach.
        """
        self._require_channels(points)
        points = points.with_features(self.embedding(points.features, mask))
        stages: list[Stage] = []
        rows = None
        for s, stage in enumerate(cast("Iterable[EncoderStage]", self.enc.values())):
            if stage.down is not None:
                points, rows = stage.down(points, stages[-1].curves.depth)
            curves = serialize(
                points.cells,
                points.counts,
                self.sizes.curves,
                permutation=None if permutations is None else permutations[s],
                depth_per_item=self.options.depth_per_sample,
            )
            points = points.with_features(stage(points, curves))
            stages.append(Stage(points, curves, rows))
        return stages

    def _require_channels(self, points: PointBatch) -> None:
        found = points.features.shape[1]
        if found != self.sizes.in_channels:
            raise ShapeError(
                f"Point Transformer V3: wanted {self.sizes.in_channels} channels (coordinates, "
                f"colour, normal), found {found}"
            )


def _on_grid(points: PointBatch, engine: str | None) -> SparseTensor:
    indices = torch.cat([points.batch[:, None], points.cells], dim=1)
    shape = (points.cells.amax(0) + 1).tolist()
    return sparse_tensor(points.features, indices, shape, len(points.counts), engine=engine)


def _initialise(module: nn.Module) -> None:
    """What training from scratch starts from (section 3)."""
    if isinstance(module, nn.Linear | SubmanifoldConv3d):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
