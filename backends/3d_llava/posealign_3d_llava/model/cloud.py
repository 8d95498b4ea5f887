"""Voxelised point clouds, one and batched, as the tower reads them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch

from posealign_core.errors import ShapeError
from posealign_core.nn.voxels import voxelise

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["MIN_SPATIAL_SIZE", "PointCloud", "PointCloudBatch"]

MIN_SPATIAL_SIZE = 128
"""Smallest number of voxels per axis (specification section 1.5)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PointCloud:
    """One scene after every geometric step, in INPUT.

    Attributes:
        coords: (N, 3) float32 metres.
        colors: (N, 3) float32 in [-1, 1].
        superpoint_ids: (N,) int64, every value from 0 to Q - 1.
        voxels: (M, 3) int64 occupied cells, from 0, in the order of their first point.
        point_to_voxel: (N,) int64.
    """

    coords: Tensor
    colors: Tensor
    superpoint_ids: Tensor
    voxels: Tensor
    point_to_voxel: Tensor

    @classmethod
    def from_arrays(
        cls,
        coords: NDArray[np.floating],
        colors: NDArray[np.floating],
        cells: NDArray[np.integer],
        superpoint_ids: NDArray[np.integer],
    ) -> PointCloud:
        """Voxelise a scene.

        Args:
            coords: (N, 3) metres.
            colors: (N, 3) in [-1, 1].
            cells: (N, 3) voxel cell of each point, from 0.
            superpoint_ids: (N,), every value from 0 to Q - 1.

        Raises:
            ShapeError: The arrays disagree in length, the scene is empty, or superpoint ids have
                gaps.
        """
        sizes = {len(coords), len(colors), len(cells), len(superpoint_ids)}
        if len(sizes) != 1 or 0 in sizes:
            raise ShapeError(
                f"point cloud: wanted coords, colors, cells and superpoints of one length above 0, "
                f"found {len(coords)}, {len(colors)}, {len(cells)}, {len(superpoint_ids)}"
            )
        ids = torch.as_tensor(superpoint_ids, dtype=torch.int64)
        low, high = int(ids.min()), int(ids.max())
        if low < 0 or high >= len(ids) or (ids.bincount() == 0).any():
            raise ShapeError(
                f"point cloud: wanted superpoint ids without a gap from 0, found "
                f"{len(torch.unique(ids))} distinct "
                f"values from {low} to {high}; number them anew (numpy.unique, return_inverse)"
            )
        voxels = voxelise(cells)
        return cls(
            coords=torch.as_tensor(coords, dtype=torch.float32),
            colors=torch.as_tensor(colors, dtype=torch.float32),
            superpoint_ids=ids,
            voxels=torch.from_numpy(voxels.cells),
            point_to_voxel=torch.from_numpy(voxels.point_to_voxel),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class PointCloudBatch:
    """B scenes, points and voxels one after the other.

    Attributes:
        coords: (N, 3) float metres.
        colors: (N, 3) float in [-1, 1].
        scene_of_point: (N,) int64 item of the batch.
        superpoint_ids: (N,) int64, counted from 0 in each scene.
        n_superpoints: Superpoints of each scene, Q_0, ..., Q_{B-1}.
        voxel_indices: (M, 4) int32 item of the batch, cell along x, y, z.
        point_to_voxel: (N,) int64 row of `voxel_indices`.
        spatial_shape: Cells per axis.
    """

    coords: Tensor
    colors: Tensor
    scene_of_point: Tensor
    superpoint_ids: Tensor
    n_superpoints: tuple[int, ...]
    voxel_indices: Tensor
    point_to_voxel: Tensor
    spatial_shape: tuple[int, int, int]

    def __len__(self) -> int:
        return len(self.n_superpoints)

    @classmethod
    def from_clouds(cls, clouds: Sequence[PointCloud]) -> PointCloudBatch:
        """Batch scenes; item i of the batch is cloud i."""
        n_voxels = torch.tensor([0, *(len(c.voxels) for c in clouds)]).cumsum(0).tolist()
        voxels = torch.cat([c.voxels for c in clouds])
        scene_of_voxel = _repeat(len(c.voxels) for c in clouds)
        x, y, z = (max(size, MIN_SPATIAL_SIZE) for size in (voxels.amax(0) + 1).tolist())
        return cls(
            coords=torch.cat([c.coords for c in clouds]),
            colors=torch.cat([c.colors for c in clouds]),
            scene_of_point=_repeat(len(c.coords) for c in clouds),
            superpoint_ids=torch.cat([c.superpoint_ids for c in clouds]),
            n_superpoints=tuple(int(c.superpoint_ids.max()) + 1 for c in clouds),
            voxel_indices=torch.cat([scene_of_voxel[:, None], voxels], dim=1).to(torch.int32),
            point_to_voxel=torch.cat(
                [c.point_to_voxel + start for c, start in zip(clouds, n_voxels, strict=False)]
            ),
            spatial_shape=(x, y, z),
        )

    def to(self, device: torch.device | str) -> PointCloudBatch:
        """The same batch on another device."""
        values: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        values |= {k: v.to(device) for k, v in values.items() if isinstance(v, torch.Tensor)}
        return replace(self, **values)


def _repeat(counts: Iterable[int]) -> Tensor:
    """0 repeated counts[0] times, then 1, ..."""
    repeats = torch.tensor(list(counts))
    return torch.arange(len(repeats)).repeat_interleave(repeats)
