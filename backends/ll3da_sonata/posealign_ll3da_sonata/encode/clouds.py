"""The voxels of a placed scene."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from posealign_core.errors import PoseAlignWarning
from posealign_core.vocabulary import AlignMode
from posealign_ll3da.encode.clouds import PlacedCloud, require_finite
from posealign_ll3da_sonata.normals import MIN_POINTS
from posealign_ll3da_sonata.ptv3.cloud import CloudOptions, make_cloud
from posealign_ll3da_sonata.ptv3.points import PointBatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from posealign_core.backbone import Batch
    from posealign_core.structures import AlignedSample
    from posealign_ll3da.encode.placement import Placement
    from posealign_ll3da_sonata.config import VoxelConfig

__all__ = ["PlacedVoxels", "clouds_of", "concatenated", "voxelize"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedVoxels(PlacedCloud):
    """The encoder's input; its coordinates are not shifted, so that they stay those of the scene.

    Attributes:
        features: (N, 9) float32: shifted coordinates in metres, colour in [0, 1], normal.
        cells: (N, 3) int64 voxel indices.
    """

    features: Tensor
    cells: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """Coordinates, features and cells."""
        return {"xyz": self.xyz, "features": self.features, "cells": self.cells}


def voxelize(
    sample: AlignedSample, placement: Placement, config: VoxelConfig, rng: np.random.Generator
) -> PlacedVoxels:
    """Sample points of a scene, placed, and make voxels of them.

    Args:
        sample: Its scene is in INPUT.
        placement: Where the scene goes.
        config: How it is sampled.
        rng: Draws the sample.

    Raises:
        DataError: There are no points, or coordinates or normals are not finite.

    Warns:
        PoseAlignWarning: Normals are estimated, or zeros are fed for colours or normals.
    """
    scene = sample.scene
    require_finite(scene)
    rows = _sampled(len(scene), config.n_points, rng)
    normals = None if scene.normals is None else placement.directions(scene.normals[rows])
    if normals is None and config.normals == "estimate" and len(rows) >= MIN_POINTS:
        warnings.warn(
            f"scene {scene.scene_id!r} has no normals; they are estimated from "
            f"{config.n_neighbors} neighbours, and answers may be worse",
            PoseAlignWarning,
            stacklevel=2,
        )
    turned = AlignMode.TRANSFORM in sample.settings.modes
    voxels = make_cloud(
        placement.points(scene.points[rows]),
        None if scene.colors is None else scene.colors[rows],
        normals,
        options=CloudOptions(
            voxel_m=config.voxel_m,
            shift=config.ego_shift if turned else config.shift,
            colors=config.colors,
            normals=config.normals,
            n_neighbors=config.n_neighbors,
        ),
        viewpoint_m=_camera(sample, placement) if turned else None,
    )
    return PlacedVoxels(
        xyz=voxels.coords + voxels.shift_m,
        rows=rows[voxels.rows.numpy()],
        placement=placement,
        features=voxels.features,
        cells=voxels.cells,
    )


def concatenated(clouds: Sequence[Mapping[str, Tensor]]) -> dict[str, Any]:
    """One input of clouds, with the voxels of each in `counts`."""
    joined: dict[str, Any] = {
        name: torch.cat([cloud[name] for cloud in clouds]) for name in clouds[0]
    }
    return joined | {"counts": [len(cloud["xyz"]) for cloud in clouds]}


def clouds_of(batch: Batch, rows: Sequence[int] | None = None) -> PointBatch:
    """The encoder's input for all or some of a batch's clouds."""
    counts: list[int] = batch["counts"]
    parts = {name: batch[name] for name in ("features", "xyz", "cells")}
    if rows is not None:
        split = {name: values.split(counts) for name, values in parts.items()}
        parts = {name: torch.cat([values[row] for row in rows]) for name, values in split.items()}
        counts = [counts[row] for row in rows]
    return PointBatch(
        features=parts["features"], coords=parts["xyz"], cells=parts["cells"], counts=tuple(counts)
    )


def _sampled(n: int, n_wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows in their order, all of them where as many are wanted."""
    if n_wanted in (0, n) or n < n_wanted:
        return np.arange(n)
    rows: NDArray[np.int64] = np.sort(rng.choice(n, n_wanted, replace=False))
    return rows


def _camera(sample: AlignedSample, placement: Placement) -> NDArray[np.float64] | None:
    """(3,) where the asker's camera is, placed; estimated normals look there."""
    if sample.pose is None:
        return None
    return placement.points(sample.pose.reference_from_camera.matrix[:3, 3])
