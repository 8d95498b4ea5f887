"""One point per voxel, in the order of the voxels' hashes (section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from posealign_core.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["GridSample", "fnv_keys", "grid_sample", "ravel_keys", "voxel_cells"]

_FNV_OFFSET, _FNV_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)
_LARGEST_CELL = 2**61


class GridSample(NamedTuple):
    """The voxels of a cloud.

    Attributes:
        cells: (N, 3) int64 indices, distinct, least 0 along every axis.
        rows: (N,) int64 the point that stands for each voxel.
        point_to_voxel: (n,) int64 voxel of each point.
    """

    cells: NDArray[np.int64]
    rows: NDArray[np.int64]
    point_to_voxel: NDArray[np.int64]


def voxel_cells(
    coords: NDArray[np.floating],
    voxel_m: float,
    *,
    precision: Literal["float32", "float64"] = "float32",
) -> NDArray[np.int64]:
    """(n, 3) voxel of each point, counted from the least occupied one along each axis.

    Args:
        coords: (n, 3) metres.
        voxel_m: Edge.
        precision: Of the division, which decides for points on a border; published weights were
            trained under numpy 1, where it was float32 (section 15, Q8).

    Raises:
        ShapeError: There are no points, or coordinates are not finite or too far apart.
    """
    if coords.ndim != 2 or coords.shape[1] != 3 or len(coords) == 0:
        raise ShapeError(f"grid sampling: wanted points (n >= 1, 3), found {coords.shape}")
    kind = np.dtype(precision).type
    cells = np.floor(coords.astype(kind) / kind(voxel_m))
    if not (np.abs(cells) < _LARGEST_CELL).all():
        raise ShapeError(
            f"grid sampling: wanted finite coordinates within 2**61 voxels of {voxel_m} m, found "
            f"{int((~np.isfinite(coords)).any(1).sum())} points that are not finite and others up "
            f"to {np.nanmax(np.abs(coords)):.3g} m; mend the scan"
        )
    indices = cells.astype(np.int64)
    moved: NDArray[np.int64] = indices - indices.min(axis=0)
    return moved


def fnv_keys(cells: NDArray[np.int64]) -> NDArray[np.uint64]:
    """(n,) 64-bit FNV-1 hashes of cells (n, 3), one step per component."""
    keys = np.full(len(cells), _FNV_OFFSET)
    for column in cells.astype(np.uint64).T:
        keys = (keys * _FNV_PRIME) ^ column
    return keys


def ravel_keys(cells: NDArray[np.int64]) -> NDArray[np.uint64]:
    """(n,) row-major places of cells (n, 3) in the box that holds them all."""
    keys = np.zeros(len(cells), dtype=np.uint64)
    for column, size in zip(cells.T, cells.max(axis=0) + 1, strict=True):
        keys = keys * np.uint64(size) + column.astype(np.uint64)
    return keys


def grid_sample(
    cells: NDArray[np.int64],
    *,
    choice: Literal["first", "random"] = "first",
    rng: np.random.Generator | None = None,
) -> GridSample:
    """Choose a point for each occupied voxel.

    Args:
        cells: (n, 3) voxel of each point, not negative.
        choice: The first point of a voxel, or a random one.
        rng: Draws where the choice is random.

    Raises:
        ConfigError: The choice is random, and nothing draws.
    """
    keys = fnv_keys(cells)
    order = keys.argsort(kind="stable")
    ordered = keys[order]
    begins = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = begins.nonzero()[0]
    counts = np.diff(starts, append=len(keys))
    point_to_voxel = np.empty(len(keys), dtype=np.int64)
    point_to_voxel[order] = begins.cumsum() - 1
    if choice == "random":
        if rng is None:
            raise ConfigError(["wanted a generator for random points"], source="grid sampling")
        starts = starts + rng.integers(0, counts)
    rows = order[starts]
    return GridSample(cells[rows], rows, point_to_voxel)
