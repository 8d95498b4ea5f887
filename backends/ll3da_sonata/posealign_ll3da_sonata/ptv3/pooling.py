"""From a resolution to a coarser one: the largest features of each cell (section 8.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_core.nn.segments import segment_mean
from posealign_ll3da_sonata.ptv3.points import PointBatch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GridPooling"]


class GridPooling(nn.Module):
    """Projects voxels, takes the maximum per coarser cell, then normalises.

    Args:
        in_channels: Width of the finer stage.
        out_channels: Width of the coarser one.
        stride: Cells per coarser cell along each axis.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.proj = nn.Linear(in_channels, out_channels)
        self.norm = nn.Sequential(nn.LayerNorm(out_channels))
        self.act = nn.GELU()

    def forward(self, points: PointBatch, depth: int) -> tuple[PointBatch, Tensor]:
        """Pool a batch.

        Args:
            points: The finer stage.
            depth: Bits per axis of its cells.

        Returns:
            The coarser stage, sorted by sample, x, y, z, and the row (N,) in it of each finer
            voxel.
        """
        batch, (x, y, z) = points.batch, (points.cells // self.stride).unbind(1)
        keys = ((batch << depth | x) << depth | y) << depth | z
        keys, rows = torch.unique(keys, return_inverse=True)
        low = (1 << depth) - 1
        cells = torch.stack([keys >> 2 * depth & low, keys >> depth & low, keys & low], dim=1)
        features = self.proj(points.features)
        largest = features.new_zeros(len(keys), features.shape[1]).scatter_reduce(
            0, rows[:, None].expand_as(features), features, "amax", include_self=False
        )
        pooled = PointBatch(
            features=self.act(self.norm(largest)),
            coords=segment_mean(points.coords, rows, len(keys)),
            cells=cells,
            counts=tuple((keys >> 3 * depth).bincount(minlength=len(points.counts)).tolist()),
        )
        return pooled, rows
