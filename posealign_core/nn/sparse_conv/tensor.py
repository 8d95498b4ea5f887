"""A batch of sparse voxel grids with one feature vector per voxel."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from posealign_core.errors import ShapeError
from posealign_core.nn.sparse_conv.engine import Engine, choose_engine, load_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["SparseTensor", "VoxelGrid", "sparse_tensor"]


@dataclass(frozen=True, eq=False, kw_only=True)
class VoxelGrid:
    """Where the voxels of a batch are.

    Attributes:
        indices: (M, 4) int32: item of the batch, then cell along x, y, z. Rows are distinct.
        spatial_shape: Number of cells along x, y, z.
        batch_size: Number of items.
        engine: What convolves on this grid.
        maps: The engine's kernel maps by indice key, shared by all resolutions of one batch.
    """

    indices: Tensor
    spatial_shape: tuple[int, int, int]
    batch_size: int
    engine: Engine
    maps: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class SparseTensor:
    """Features on a voxel grid.

    Attributes:
        features: (M, C), one row per voxel of `grid`.
        grid: Where the voxels are.
    """

    features: Tensor
    grid: VoxelGrid

    def with_features(self, features: Tensor) -> SparseTensor:
        """Other features (M, C') on the same voxels."""
        return replace(self, features=features)


def sparse_tensor(
    features: Tensor,
    indices: Tensor,
    spatial_shape: Sequence[int],
    batch_size: int,
    *,
    engine: str | None = None,
) -> SparseTensor:
    """Put features on voxels.

    Args:
        features: (M, C) floating point.
        indices: (M, 4) integers: item of the batch, then cell along x, y, z; rows are distinct
            (checked when the first convolution builds its kernel map).
        spatial_shape: Number of cells along x, y, z.
        batch_size: Number of items.
        engine: `"torch"` or `"spconv"`; None takes what `choose_engine` says for the device.

    Raises:
        ShapeError: Shapes disagree, or an index is outside the grid.
    """
    if features.ndim != 2 or indices.shape != (len(features), 4) or len(spatial_shape) != 3:
        raise ShapeError(
            "sparse tensor: wanted features (M, C), indices (M, 4) and a spatial shape (3,), found "
            f"{tuple(features.shape)}, {tuple(indices.shape)} and {tuple(spatial_shape)}"
        )
    x, y, z = (int(size) for size in spatial_shape)
    limits = torch.tensor([batch_size, x, y, z], device=indices.device)
    if ((indices < 0) | (indices >= limits)).any():
        raise ShapeError(
            f"sparse tensor: wanted indices in [0, {limits.tolist()}), found values from "
            f"{indices.amin(0).tolist()} to {indices.amax(0).tolist()}"
        )
    name = choose_engine(features.device).name if engine is None else engine
    grid = VoxelGrid(
        indices=indices.to(torch.int32).contiguous(),
        spatial_shape=(x, y, z),
        batch_size=batch_size,
        engine=load_engine(name),
    )
    return SparseTensor(features, grid)
