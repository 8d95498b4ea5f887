"""Sparse convolution in plain torch, on any device."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from posealign_core.errors import ShapeError
from posealign_core.nn.sparse_conv.gather_matmul import gather_matmul
from posealign_core.nn.sparse_conv.kernel_map import KernelMap, strided_map, submanifold_map
from posealign_core.nn.sparse_conv.tensor import SparseTensor, VoxelGrid

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.nn.sparse_conv.engine import Engine

__all__ = ["ENGINE", "TorchEngine"]


@dataclass(frozen=True, eq=False)
class _GridMap:
    """A kernel map and the two grids that it joins."""

    kernel_map: KernelMap
    source: VoxelGrid
    target: VoxelGrid


class TorchEngine:
    """Gather rows, multiply per kernel offset, add up."""

    name = "torch"

    def submanifold(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """See `Engine.submanifold`."""
        grid = x.grid
        if key not in grid.maps:
            kernel_map = submanifold_map(grid.indices, grid.spatial_shape)
            grid.maps[key] = _GridMap(kernel_map, grid, grid)
        grid_map = _entry(grid, key)
        if grid_map.source is not grid:
            raise ShapeError(f"indice key {key!r} belongs to another resolution of this tensor")
        return x.with_features(_convolve(x.features, weight, grid_map.kernel_map))

    def strided(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """See `Engine.strided`."""
        grid = x.grid
        if key in grid.maps:
            raise ShapeError(f"indice key {key!r} is taken; a strided convolution needs its own")
        kernel_map, indices, shape = strided_map(grid.indices, grid.spatial_shape)
        coarse = replace(grid, indices=indices, spatial_shape=shape)
        grid.maps[key] = _GridMap(kernel_map, grid, coarse)
        return SparseTensor(_convolve(x.features, weight, kernel_map), coarse)

    def inverse(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """See `Engine.inverse`."""
        grid_map = _entry(x.grid, key)
        if grid_map.target is not x.grid:
            raise ShapeError(f"indice key {key!r} does not lead to the resolution of this tensor")
        features = _convolve(x.features, weight, grid_map.kernel_map.transposed())
        return SparseTensor(features, grid_map.source)


def _entry(grid: VoxelGrid, key: str) -> _GridMap:
    if key not in grid.maps:
        raise ShapeError(
            f"inverse convolution: wanted the map of a strided convolution with indice key {key!r},"
            f" found {sorted(grid.maps)}"
        )
    entry: _GridMap = grid.maps[key]
    return entry


def _convolve(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """`weight` is (out, kx, ky, kz, in); kernel offsets run in the order of its memory."""
    return gather_matmul(features, weight.flatten(1, 3).permute(1, 2, 0), kernel_map)


ENGINE: Engine = TorchEngine()
