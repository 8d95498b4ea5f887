"""From a scan's arrays, checked, to the task that the engines do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posealign_core.errors import ConfigError, ShapeError
from posealign_core.geometry.frames import are_rigid
from posealign_core.geometry.intrinsics import Intrinsics
from posealign_core.recover.rules import zbuffer_settings
from posealign_core.recover.zbuffer import ZBufferTask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import ArrayLike, NDArray

    from posealign_core.recover.rules import ZBufferSettings

__all__ = ["PreparedMasks", "prepare_masks"]

_MAX_SPAN = 4096


class PreparedMasks(NamedTuple):
    """A task and what its columns stand for.

    Attributes:
        task: What an engine is to count.
        column_ids: (K,) id of each column; some may have no point.
        settings: What the rule settled on.
    """

    task: ZBufferTask
    column_ids: NDArray[np.int64]
    settings: ZBufferSettings


def prepare_masks(
    points: ArrayLike,
    instance_ids: ArrayLike,
    world_from_camera: ArrayLike,
    intrinsics: Intrinsics | Sequence[Intrinsics],
    *,
    rule: str,
    image_scale: float | None = None,
    depth_tolerance: float | None = None,
) -> PreparedMasks:
    """Check the arguments of `visibility_scores` and turn them into a task.

    Raises:
        ShapeError, ConfigError: As `visibility_scores`.
    """
    p = _checked_points(points)
    poses = _checked_poses(world_from_camera)
    cameras = _one_per_pose(intrinsics, len(poses))
    if rule not in ("surface", "released"):
        raise ConfigError(
            [f"rule: wanted 'surface' or 'released' for masks, found {rule!r}"],
            source="visibility",
        )
    camera_from_world = np.asarray(np.linalg.inv(poses), dtype=np.float64)
    settings = zbuffer_settings(
        rule,
        p,
        camera_from_world,
        cameras,
        image_scale=image_scale,
        depth_tolerance=depth_tolerance,
    )
    columns, column_ids = _columns(instance_ids, len(p), settings.keeps_unlabelled)
    camera_rows = settings.camera_rows(cameras)
    task = ZBufferTask(
        points=p,
        columns=columns,
        n_columns=len(column_ids),
        camera_from_world=np.ascontiguousarray(camera_from_world[:, :3]),
        cameras=camera_rows,
        slack=settings.slack(camera_rows),
        splat_m=settings.splat_m,
        truncate=settings.truncate,
    )
    return PreparedMasks(task, column_ids, settings)


def _checked_points(points: ArrayLike) -> NDArray[Any]:
    array = np.asarray(points)
    if array.dtype != np.float32:  # float32 clouds stay so: half the way to the GPU
        array = array.astype(np.float64, copy=False)
    if array.ndim != 2 or array.shape[1] != 3:
        raise ShapeError(f"points: wanted shape (N, 3), found {array.shape}")
    if not np.isfinite(array).all():
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        raise ShapeError(
            f"points: wanted finite coordinates, found {len(bad)} of {len(array)} with NaN or Inf, "
            f"the first in row {bad[0]}; remove these points and their ids"
        )
    return np.ascontiguousarray(array)


def _checked_poses(world_from_camera: ArrayLike) -> NDArray[np.float64]:
    poses = np.asarray(world_from_camera, dtype=np.float64)
    if poses.ndim != 3 or poses.shape[1:] != (4, 4):
        raise ShapeError(f"world_from_camera: wanted shape (V, 4, 4), found {poses.shape}")
    bad = np.flatnonzero(~are_rigid(poses))
    if len(bad):
        raise ShapeError(
            f"world_from_camera: wanted finite rigid matrices, found {len(bad)} of {len(poses)} "
            f"that are not, the first at {bad[0]}; leave them out (recover.usable_frames)"
        )
    return poses


def _one_per_pose(
    intrinsics: Intrinsics | Sequence[Intrinsics], n_poses: int
) -> tuple[Intrinsics, ...]:
    if isinstance(intrinsics, Intrinsics):
        return (intrinsics,) * n_poses
    if len(intrinsics) != n_poses:
        raise ShapeError(
            f"intrinsics: wanted one camera, or one per pose ({n_poses}), found {len(intrinsics)}"
        )
    return tuple(intrinsics)


def _columns(
    instance_ids: ArrayLike, n_points: int, keep_unlabelled: bool
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Column of each point, -1 for those that are no object, and the id of each column.

    Where ids are close together every id between the first and the last gets a column, whether a
    point has it or not, which is much faster than sorting them.
    """
    ids = np.asarray(instance_ids)
    if ids.shape != (n_points,) or ids.dtype.kind not in "iu":
        raise ShapeError(
            f"instance ids: wanted {n_points} integers, one per point, found {ids.dtype} of shape "
            f"{ids.shape}"
        )
    if n_points == 0:
        return np.empty(0, np.int32), np.empty(0, np.int64)
    low, high = int(ids.min()), int(ids.max())
    if high - low >= _MAX_SPAN:
        column_ids, columns = np.unique(ids, return_inverse=True)
        first = 0 if keep_unlabelled else int(np.searchsorted(column_ids, 0))
        return (columns - first).astype(np.int32), column_ids[first:].astype(np.int64)
    first = low if keep_unlabelled else max(low, 0)
    return (ids - first).astype(np.int32), np.arange(first, high + 1)
