"""Voxels of a batch with their features, and the resolutions of the encoder."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import torch

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.nn.serialization import CurveOrders

__all__ = ["PointBatch", "Stage"]


@dataclass(frozen=True, eq=False, kw_only=True)
class PointBatch:
    """Voxels of several samples, one sample after the other.

    Attributes:
        features: (N, C) floating point.
        coords: (N, 3) floating point, metres, in the frame of the sample's cloud.
        cells: (N, 3) int64 voxel indices, not negative, distinct within a sample.
        counts: Voxels of each sample, one at least.

    Raises:
        ShapeError: Shapes disagree, or a sample is empty.
    """

    features: Tensor
    coords: Tensor
    cells: Tensor
    counts: tuple[int, ...]

    def __post_init__(self) -> None:
        n = len(self.features)
        shapes = (self.features.ndim, tuple(self.coords.shape), tuple(self.cells.shape))
        if shapes != (2, (n, 3), (n, 3)) or sum(self.counts) != n:
            raise ShapeError(
                "points: wanted features (N, C), coords (N, 3), cells (N, 3) and counts that add "
                f"up to N, found {tuple(self.features.shape)}, {shapes[1]}, {shapes[2]} and "
                f"{self.counts}"
            )
        if min(self.counts, default=0) < 1:
            raise ShapeError(
                f"points: wanted one voxel at least in every sample, found {self.counts}; leave "
                "out empty samples"
            )

    @property
    def batch(self) -> Tensor:
        """(N,) int64 sample of each voxel."""
        counts = torch.tensor(self.counts, device=self.features.device)
        return torch.arange(len(counts), device=counts.device).repeat_interleave(counts)

    @property
    def offsets(self) -> tuple[int, ...]:
        """End of each sample."""
        return tuple(accumulate(self.counts))

    def with_features(self, features: Tensor) -> PointBatch:
        """Other features (N, C') on the same voxels."""
        return replace(self, features=features)


class Stage(NamedTuple):
    """What the encoder computed at one resolution.

    Attributes:
        points: Voxels with the features of the last block.
        curves: The orders in which blocks went through them.
        row_of_finer: (N of the stage before,) int64 voxel of this stage that each voxel of the
            finer one lies in; None at the first stage.
    """

    points: PointBatch
    curves: CurveOrders
    row_of_finer: Tensor | None
