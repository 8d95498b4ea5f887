"""Scores for scans whose labels are boxes or centres instead of masks; nothing hides anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.recover.projection import project_points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from posealign_core.geometry.intrinsics import Intrinsics

__all__ = ["box_scores", "center_scores"]

_CELLS = 8
_SEED = 0


def box_scores(
    corners: NDArray[np.float64],
    world_from_camera: NDArray[np.float64],
    intrinsics: Sequence[Intrinsics],
) -> NDArray[np.float32]:
    """Share of each box that lies in each camera's view (paper_results 1.13, phi_box).

    A box, axis-aligned or not, is sampled once per cell of an 8 x 8 x 8 grid, jittered within the
    cell by a generator of fixed seed.

    Args:
        corners: (K, 8, 3) WORLD metres, x fastest, then y, then z, as `geometry.corners_from_aabb`.
        world_from_camera: (V, 4, 4) rigid.
        intrinsics: V cameras.

    Returns:
        (V, K) float32 in [0, 1].
    """
    samples = _box_samples(corners)
    scores = np.zeros((len(intrinsics), len(corners)), dtype=np.float32)
    for i, (pose, camera) in enumerate(zip(world_from_camera, intrinsics, strict=True)):
        inside = project_points(samples.reshape(-1, 3), np.linalg.inv(pose), camera).inside
        scores[i] = inside.reshape(len(corners), _CELLS**3).mean(axis=1)
    return scores


def center_scores(
    centers: NDArray[np.float64],
    world_from_camera: NDArray[np.float64],
    intrinsics: Sequence[Intrinsics],
) -> NDArray[np.float32]:
    """How near each centre is to the middle of each image (paper_results 1.13, phi_point).

    1 in the middle, 0 in the corners and outside: `1 - |(U/2 - u, V/2 - v)| / |(U/2, V/2)|`.

    Args:
        centers: (K, 3) WORLD metres.
        world_from_camera: (V, 4, 4) rigid.
        intrinsics: V cameras.

    Returns:
        (V, K) float32 in [0, 1].
    """
    scores = np.zeros((len(intrinsics), len(centers)), dtype=np.float32)
    for i, (pose, camera) in enumerate(zip(world_from_camera, intrinsics, strict=True)):
        seen = project_points(centers, np.linalg.inv(pose), camera)
        half_width, half_height = camera.width / 2, camera.height / 2
        off = np.hypot(half_width - seen.u, half_height - seen.v)
        scores[i] = np.where(seen.inside, 1 - off / np.hypot(half_width, half_height), 0)
    return scores


def _box_samples(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K, 512, 3) points, one per grid cell of each box."""
    cell = np.stack(np.meshgrid(*[np.arange(_CELLS)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    rng = np.random.default_rng(_SEED)
    share = (cell + rng.random((len(corners), _CELLS**3, 3))) / _CELLS
    origin = corners[:, 0]
    edges = corners[:, [1, 2, 4]] - origin[:, None]
    samples: NDArray[np.float64] = origin[:, None] + share @ edges
    return samples
