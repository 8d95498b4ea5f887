"""Set abstraction: sample points, look around each, keep what stands out (section 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from posealign_core.nn.point_ops import (
    ball_query,
    furthest_point_sampling,
    gather_points,
    group_points,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["Abstraction", "SetAbstraction"]


class Abstraction(NamedTuple):
    """What is left of a cloud.

    Attributes:
        xyz: (B, M, 3).
        features: (B, C, M).
        rows: (B, M) int64, which of the points these are.
    """

    xyz: Tensor
    features: Tensor
    rows: Tensor


class _Norm(nn.Module):
    """Batch norm one level deeper than need be, as the published keys have it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.bn(x)
        return normalised


class _Layer(nn.Module):
    """Pointwise convolution, batch norm, ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, 1, bias=False)
        nn.init.kaiming_normal_(self.conv.weight)
        self.bn = _Norm(n_out)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.bn(self.conv(x)))


class SetAbstraction(nn.Module):
    """Sampling, grouping, a shared MLP over coordinates and features, and a maximum.

    Args:
        n_points: Points that are kept.
        radius: Of the neighbourhood of each, metres.
        n_neighbours: Neighbours that are looked at.
        widths: Channels of the features, and of each layer of the MLP.
        skip_origin: See `furthest_point_sampling`.
    """

    def __init__(
        self,
        n_points: int,
        radius: float,
        n_neighbours: int,
        widths: Sequence[int],
        *,
        skip_origin: bool,
    ) -> None:
        super().__init__()
        self.n_points, self.radius, self.n_neighbours = n_points, radius, n_neighbours
        self.skip_origin = skip_origin
        self.mlp_module = nn.Sequential()
        for i, n_out in enumerate(widths[1:]):
            n_in = widths[i] + 3 * (i == 0)
            self.mlp_module.add_module(f"layer{i}", _Layer(n_in, n_out))

    def forward(self, xyz: Tensor, features: Tensor, rows: Tensor | None = None) -> Abstraction:
        """Abstract a cloud.

        Args:
            xyz: (B, N, 3) metres.
            features: (B, C, N).
            rows: (B, M) int64 points to keep; None samples them.
        """
        if rows is None:
            rows = furthest_point_sampling(xyz, self.n_points, skip_origin=self.skip_origin)
        columns = xyz.mT.contiguous()
        centers = gather_points(columns, rows)
        neighbours = ball_query(centers.mT, xyz, self.radius, self.n_neighbours)
        offsets = (group_points(columns, neighbours) - centers[..., None]) / self.radius
        grouped = torch.cat([offsets, group_points(features, neighbours)], dim=1)
        return Abstraction(centers.mT, self.mlp_module(grouped).amax(dim=-1), rows)
