"""Batches of sampled point clouds and the space that they fill."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["CloudBatch", "Extent"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Extent:
    """The axis-aligned space that each scene of a batch fills.

    Attributes:
        low: (B, 3) smallest coordinates, metres in INPUT.
        high: (B, 3) largest.
    """

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, xyz: Tensor) -> Extent:
        """The extent of points (B, N, 3)."""
        return cls(low=xyz.amin(dim=1), high=xyz.amax(dim=1))

    @property
    def size(self) -> Tensor:
        """(B, 3) edge lengths, metres; 1 micrometre where all points share a coordinate."""
        return (self.high - self.low).clamp(min=1e-6)

    def normalise(self, xyz: Tensor) -> Tensor:
        """Coordinates (B, n, 3) relative to the extent: 0 at `low`, 1 at `high`."""
        return (xyz - self.low[:, None]) / self.size[:, None]

    def of_scenes(self, index: Tensor) -> Extent:
        """The extents of scenes `index` (P,)."""
        return Extent(low=self.low[index], high=self.high[index])


@dataclass(frozen=True, kw_only=True, eq=False)
class CloudBatch:
    """B clouds of equally many points.

    Attributes:
        xyz: (B, N, 3) float32 metres in INPUT, z up in an unposed scene.
        features: (B, N, C) float32: colour, normal and height, in the release's order.
    """

    xyz: Tensor
    features: Tensor

    def __post_init__(self) -> None:
        if self.xyz.shape[2:] != (3,) or self.features.shape[:2] != self.xyz.shape[:2]:
            raise ShapeError(
                f"clouds: wanted coordinates (B, N, 3) and features (B, N, C), found "
                f"{tuple(self.xyz.shape)} and {tuple(self.features.shape)}"
            )

    @classmethod
    def stack(cls, xyz: Sequence[Tensor], features: Sequence[Tensor]) -> CloudBatch:
        """Batch coordinates (N, 3) and features (N, C) of scenes sampled to one N."""
        return cls(xyz=torch.stack(list(xyz)), features=torch.stack(list(features)))

    @cached_property
    def extent(self) -> Extent:
        """The space that the sampled points fill."""
        return Extent.of(self.xyz)

    def __len__(self) -> int:
        return len(self.xyz)

    def to(self, device: torch.device | str) -> CloudBatch:
        """The same batch on another device."""
        return CloudBatch(xyz=self.xyz.to(device), features=self.features.to(device))
