"""Superpoints of a batch of scenes, padded to the largest scene (specification section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from posealign_core.nn.segments import segment_mean

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_3d_llava.model.cloud import PointCloudBatch

__all__ = ["Superpoints", "pool_superpoints"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Superpoints:
    """B scenes of up to Q superpoints; rows past the end of a scene are zero.

    Attributes:
        features: (B, Q, C).
        centers: (B, Q, 3) mean of each superpoint's points, metres, in INPUT, in the precision of
            the network, coordinates being rounded before they are averaged.
        exact_centers: (B, Q, 3) the same mean in float32, without rounding.
        valid: (B, Q) bool, False past the end of a scene.
    """

    features: Tensor
    centers: Tensor
    exact_centers: Tensor
    valid: Tensor

    def of_scenes(self, scenes: Tensor) -> Superpoints:
        """The superpoints of the listed scenes (R,) int64, in that order."""
        return Superpoints(
            features=self.features[scenes],
            centers=self.centers[scenes],
            exact_centers=self.exact_centers[scenes],
            valid=self.valid[scenes],
        )


def pool_superpoints(
    cloud: PointCloudBatch, coords: Tensor, voxel_features: Tensor, position_features: Tensor
) -> Superpoints:
    """Average points per superpoint, in float32, and cast back.

    Args:
        cloud: The batch.
        coords: (N, 3) its coordinates in the dtype of the network.
        voxel_features: (M, C) U-Net output.
        position_features: (N, C) embedded coordinates.
    """
    n_scenes, width = len(cloud), max(cloud.n_superpoints)
    rows = cloud.scene_of_point * width + cloud.superpoint_ids

    def mean(values: Tensor) -> Tensor:
        return segment_mean(values, rows, n_scenes * width).view(n_scenes, width, -1)

    features = mean(voxel_features[cloud.point_to_voxel]) + mean(position_features)
    counts = torch.tensor(cloud.n_superpoints, device=coords.device)
    return Superpoints(
        features=features.to(voxel_features.dtype),
        centers=mean(coords).to(coords.dtype),
        exact_centers=mean(cloud.coords),
        valid=torch.arange(width, device=coords.device) < counts[:, None],
    )
