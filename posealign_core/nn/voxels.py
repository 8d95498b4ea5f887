"""Voxelisation: which points share a cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Voxels", "voxelise"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Voxels:
    """The occupied cells of a cloud, numbered in the order in which points first enter them.

    Attributes:
        cells: (M, D) int64 cell indices.
        point_to_voxel: (N,) int64 voxel of each point.
    """

    cells: NDArray[np.int64]
    point_to_voxel: NDArray[np.int64]

    def voxel_to_points(self) -> NDArray[np.int64]:
        """(M, 1 + largest count): number of points of each voxel, then their rows, then zeros."""
        counts = np.bincount(self.point_to_voxel, minlength=len(self.cells))
        order = np.argsort(self.point_to_voxel, kind="stable")
        voxel = self.point_to_voxel[order]
        place = np.arange(len(order)) - (np.cumsum(counts) - counts)[voxel]
        table = np.zeros((len(counts), 1 + int(counts.max(initial=0))), dtype=np.int64)
        table[:, 0] = counts
        table[voxel, 1 + place] = order
        return table


def voxelise(cells: NDArray[np.integer]) -> Voxels:
    """Number the occupied cells (3d_llava section 1.5).

    Args:
        cells: (N, D) integer cell of each point, of any sign.

    Raises:
        ShapeError: The array is not (N, D) integers, or spans more than 2**62 cells.
    """
    if cells.ndim != 2 or not np.issubdtype(cells.dtype, np.integer):
        raise ShapeError(
            f"voxelise: wanted integer cells (N, D), found {cells.dtype} {cells.shape}; round the "
            f"coordinates first"
        )
    if len(cells) == 0:
        return Voxels(cells=cells.astype(np.int64), point_to_voxel=np.zeros(0, dtype=np.int64))
    low = cells.min(axis=0).astype(np.int64)
    extent = [int(size) for size in cells.max(axis=0).astype(np.int64) - low + 1]
    keys = np.zeros(len(cells), dtype=np.int64)
    if np.prod([float(size) for size in extent]) >= 2.0**62:
        raise ShapeError(f"voxelise: cells span {extent}, which no 64-bit key can number")
    for axis, size in enumerate(extent):
        keys = keys * size + (cells[:, axis] - low[axis])
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Voxels(cells=cells[first[order]].astype(np.int64), point_to_voxel=rank[inverse])
