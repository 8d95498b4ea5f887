"""The reference engine: one camera after another, in whole-array operations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.recover.zbuffer import MAX_SPLAT_PX, PointCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.recover.zbuffer import ZBufferTask

__all__ = ["count_visible"]


def count_visible(task: ZBufferTask) -> PointCounts:
    """Do a task; memory grows with points and with one image."""
    points = task.points.astype(np.float64, copy=False)
    visible = np.zeros((task.n_cameras, task.n_columns), dtype=np.int64)
    for i in range(task.n_cameras):
        visible[i] = _count(_seen_columns(points, task, i), task.n_columns)
    return PointCounts(visible, _count(task.columns, task.n_columns))


def _count(columns: NDArray[np.int32], n_columns: int) -> NDArray[np.int64]:
    return np.bincount(columns[columns >= 0], minlength=n_columns)


def _seen_columns(points: NDArray[np.float64], task: ZBufferTask, i: int) -> NDArray[np.int32]:
    fx, _, _, _, width, height = task.cameras[i]
    u, v, depth, inside = _project(points, task, i)
    u, v, depth = u[inside], v[inside], depth[inside]
    half_side = np.minimum((task.splat_m * fx) / depth, MAX_SPLAT_PX)
    buffer = np.full((math.ceil(height), math.ceil(width)), np.inf)
    _offer(
        buffer, _span(u, half_side, buffer.shape[1]), _span(v, half_side, buffer.shape[0]), depth
    )
    slack = task.slack[i, 0] + task.slack[i, 1] * depth
    nearest = buffer[v.astype(np.int64), u.astype(np.int64)]
    seen: NDArray[np.int32] = task.columns[inside][depth <= nearest + slack]
    return seen


def _project(
    points: NDArray[np.float64], task: ZBufferTask, i: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    fx, fy, cx, cy, width, height = task.cameras[i]
    x, y, z = points.T
    # Written out: a matrix product may fuse or reorder, and the last bit decides a pixel.
    camera_x, camera_y, depth = (
        ((r[0] * x + r[1] * y) + r[2] * z) + r[3] for r in task.camera_from_world[i]
    )
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = (fx * camera_x) / depth + cx
        v = (fy * camera_y) / depth + cy
    inside = (depth > 0) & (u >= task.low) & (v >= task.low) & (u < width) & (v < height)
    return u, v, depth, inside


def _span(
    position: NDArray[np.float64], half_side: NDArray[np.float64], n: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last of the n pixels of a row or column that each point covers."""
    own = position.astype(np.int64)
    first = np.minimum(own, np.ceil((position - half_side) - 0.5).astype(np.int64))
    last = np.maximum(own, np.floor((position + half_side) - 0.5).astype(np.int64))
    return np.maximum(first, 0), np.minimum(last, n - 1)


def _offer(
    buffer: NDArray[np.float64],
    columns: tuple[NDArray[np.int64], NDArray[np.int64]],
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    depth: NDArray[np.float64],
) -> None:
    for down in range(int((rows[1] - rows[0]).max(initial=-1)) + 1):
        for right in range(int((columns[1] - columns[0]).max(initial=-1)) + 1):
            row, column = rows[0] + down, columns[0] + right
            hit = (row <= rows[1]) & (column <= columns[1])
            np.minimum.at(buffer, (row[hit], column[hit]), depth[hit])
