"""From the points of a scan to the voxels that the encoder reads (section 4)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch

from posealign_core.errors import PoseAlignWarning, ShapeError
from posealign_ll3da_sonata.normals import MIN_POINTS, estimate_normals
from posealign_ll3da_sonata.ptv3.grid_sampling import grid_sample, voxel_cells
from posealign_ll3da_sonata.ptv3.points import PointBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["CloudOptions", "VoxelCloud", "collate", "make_cloud"]


@dataclass(frozen=True, kw_only=True)
class CloudOptions:
    """How a cloud is prepared; the defaults are those of the published encoder.

    Attributes:
        voxel_m: Edge of a voxel.
        shift: Which axes are moved: the box centred in x and y and its floor put to zero (`"xyz"`),
            the floor alone (`"z"`), or none.
        precision: In which points are assigned to voxels.
        choice: Which point stands for its voxel.
        colors: Whether colours are fed; zeros otherwise.
        normals: Whether normals are: those of the scan, estimated where it has none
            (`"estimate"`), zeros where it has none (`"given"`), or zeros always (`"drop"`).
        n_neighbors: Points that a normal is estimated from.
    """

    voxel_m: float = 0.02
    shift: Literal["xyz", "z", "none"] = "xyz"
    precision: Literal["float32", "float64"] = "float32"
    choice: Literal["first", "random"] = "first"
    colors: bool = True
    normals: Literal["estimate", "given", "drop"] = "estimate"
    n_neighbors: int = 16


class VoxelCloud(NamedTuple):
    """Voxels of one cloud.

    Attributes:
        features: (N, 9) float32: coordinates in metres, colour in [0, 1], normal.
        coords: (N, 3) float32 metres, shifted.
        cells: (N, 3) int64.
        rows: (N,) int64 the point of the cloud that stands for each voxel.
        point_to_voxel: (n,) int64 voxel of each point.
        shift_m: (3,) float32 what was subtracted from coordinates; add it to come back.
    """

    features: Tensor
    coords: Tensor
    cells: Tensor
    rows: Tensor
    point_to_voxel: Tensor
    shift_m: Tensor


def make_cloud(
    points: NDArray[np.floating],
    colors: NDArray[np.floating] | NDArray[np.uint8] | None = None,
    normals: NDArray[np.floating] | None = None,
    *,
    options: CloudOptions | None = None,
    viewpoint_m: NDArray[np.floating] | None = None,
    rng: np.random.Generator | None = None,
) -> VoxelCloud:
    """Shift, sample one point per voxel, and lay out the nine channels.

    Args:
        points: (n, 3) metres, z up.
        colors: (n, 3) in [0, 255].
        normals: (n, 3) unit vectors.
        options: How; the published way where None.
        viewpoint_m: (3,) where the camera stood, towards which estimated normals point; None takes
            the middle of the points' box.
        rng: Draws points where `options.choice` is random.

    Raises:
        ShapeError: There are no points, coordinates are not finite, or shapes disagree.

    Warns:
        PoseAlignWarning: Zeros are fed for colours or normals that were wanted.
    """
    options = options or CloudOptions()
    _require_matching(points, colors, normals)
    coords = points.astype(np.float32)
    shift = _shift(coords, options.shift)
    coords -= shift
    sample = grid_sample(
        voxel_cells(coords, options.voxel_m, precision=options.precision),
        choice=options.choice,
        rng=rng,
    )
    rows = sample.rows
    channels: list[NDArray[np.float32]] = [
        coords[rows],
        _colors(colors, len(points), options)[rows] / np.float32(255),
        _normals(points, normals, options, viewpoint_m)[rows],
    ]
    return VoxelCloud(
        features=torch.from_numpy(np.concatenate(channels, axis=1)),
        coords=torch.from_numpy(coords[rows]),
        cells=torch.from_numpy(sample.cells),
        rows=torch.from_numpy(rows),
        point_to_voxel=torch.from_numpy(sample.point_to_voxel),
        shift_m=torch.from_numpy(shift),
    )


def collate(clouds: Sequence[VoxelCloud]) -> PointBatch:
    """Put clouds one after the other.

    Raises:
        ShapeError: There is none.
    """
    if not clouds:
        raise ShapeError("points: wanted one cloud at least, found none")
    return PointBatch(
        features=torch.cat([cloud.features for cloud in clouds]),
        coords=torch.cat([cloud.coords for cloud in clouds]),
        cells=torch.cat([cloud.cells for cloud in clouds]),
        counts=tuple(len(cloud.cells) for cloud in clouds),
    )


def _require_matching(
    points: NDArray[np.floating],
    colors: NDArray[np.floating] | NDArray[np.uint8] | None,
    normals: NDArray[np.floating] | None,
) -> None:
    wanted = (len(points), 3)
    for name, values in (("points", points), ("colors", colors), ("normals", normals)):
        if values is None:
            continue
        if values.shape != wanted or len(points) == 0:
            raise ShapeError(
                f"cloud: wanted {name} (n >= 1, 3) for {len(points)} points, found {values.shape}"
            )
        n_broken = int((~np.isfinite(values)).any(axis=1).sum())
        if n_broken:
            raise ShapeError(
                f"cloud: wanted finite {name}, found {n_broken} rows that are not; mend the scan"
            )


def _shift(coords: NDArray[np.float32], axes: str) -> NDArray[np.float32]:
    """(3,) middle of the box in x and y, floor in z; zero where an axis stays."""
    low, high = coords.min(axis=0), coords.max(axis=0)
    shift = np.array([*(low[:2] + high[:2]) / 2, low[2]], dtype=np.float32)
    moved: NDArray[np.float32] = shift * np.array(
        {"xyz": (1, 1, 1), "z": (0, 0, 1), "none": (0, 0, 0)}[axes], dtype=np.float32
    )
    return moved


def _colors(
    colors: NDArray[np.floating] | NDArray[np.uint8] | None, n: int, options: CloudOptions
) -> NDArray[np.float32]:
    if colors is not None and options.colors:
        return colors.astype(np.float32)
    if options.colors:
        _warn("colours")
    return np.zeros((n, 3), dtype=np.float32)


def _normals(
    points: NDArray[np.floating],
    normals: NDArray[np.floating] | None,
    options: CloudOptions,
    viewpoint_m: NDArray[np.floating] | None,
) -> NDArray[np.float32]:
    if options.normals != "drop":
        if normals is not None:
            return normals.astype(np.float32)
        if options.normals == "estimate" and len(points) >= MIN_POINTS:
            if viewpoint_m is None:
                viewpoint_m = (points.min(axis=0) + points.max(axis=0)) / 2
            estimated = estimate_normals(points, viewpoint_m, n_neighbors=options.n_neighbors)
            return estimated.astype(np.float32)
        _warn("normals")
    return np.zeros((len(points), 3), dtype=np.float32)


def _warn(what: str) -> None:
    warnings.warn(
        f"the scan has no {what}, and zeros are fed to an encoder that was trained with them; "
        f"answers will be worse",
        PoseAlignWarning,
        stacklevel=4,
    )
