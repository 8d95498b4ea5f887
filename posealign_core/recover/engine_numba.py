"""The CPU engine: cameras in parallel, compiled once and cached."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from posealign_core.recover.zbuffer import MAX_SPLAT_PX, PointCounts

if TYPE_CHECKING:
    from posealign_core.recover.zbuffer import ZBufferTask

__all__ = ["count_visible"]

_BLOCK = 512
# Division as numpy does it: Python's check for zero would keep the loops from being vectorised.
_compile = numba.njit(cache=True, nogil=True, error_model="numpy")
_compile_parallel = numba.njit(cache=True, nogil=True, error_model="numpy", parallel=True)


def count_visible(task: ZBufferTask) -> PointCounts:
    """Do a task; memory grows with threads x (points + one image)."""
    visible = np.zeros((task.n_cameras, task.n_columns), dtype=np.int64)
    _count(
        np.ascontiguousarray(task.points.T, dtype=np.float64),
        task.columns,
        task.camera_from_world,
        task.cameras,
        task.slack,
        task.splat_m,
        MAX_SPLAT_PX,  # as an argument: the cache would keep a constant that has changed since
        task.low,
        task.n_pixels,
        min(numba.get_num_threads(), max(1, task.n_cameras)),
        visible,
    )
    total = np.bincount(task.columns[task.columns >= 0], minlength=task.n_columns)
    return PointCounts(visible, total)


@_compile_parallel
def _count(  # noqa: PLR0917 - compiled functions take no keywords
    points: Any,
    columns: Any,
    camera_from_world: Any,
    cameras: Any,
    slack: Any,
    splat_m: float,
    max_px: float,
    low: float,
    n_pixels: int,
    n_workers: int,
    visible: Any,
) -> None:
    n_points = points.shape[1]
    for worker in numba.prange(n_workers):
        buffer = np.empty(n_pixels)
        pixels = np.empty(n_points, np.int32)
        inside = np.empty((3, n_points))
        seen = np.empty(n_points, np.int32)
        for i in range(worker, len(cameras), n_workers):
            n = _project(
                points, columns, camera_from_world[i], cameras[i], low, pixels, inside, seen
            )
            _fill(buffer, inside[:, :n], cameras[i], splat_m, max_px)
            for j in range(n):
                depth = inside[2, j]
                limit = buffer[pixels[j]] + (slack[i, 0] + slack[i, 1] * depth)
                if depth <= limit and seen[j] >= 0:
                    visible[i, seen[j]] += 1


@_compile
def _project(  # noqa: PLR0917
    points: Any,
    columns: Any,
    pose: Any,
    camera: Any,
    low: float,
    pixels: Any,
    inside: Any,
    seen: Any,
) -> int:
    """Pack pixel, (u, v, depth) and column of the inside points at the front of the last arrays."""
    n = 0
    block_pixels = np.empty(_BLOCK, np.int32)
    block = np.empty((3, _BLOCK))
    us, vs, depths = block[0], block[1], block[2]
    xs, ys, zs = points[0], points[1], points[2]  # unpacking would lose their contiguity
    for start in range(0, len(xs), _BLOCK):
        stop = min(start + _BLOCK, len(xs))
        xyz = xs[start:stop], ys[start:stop], zs[start:stop]
        _project_block(xyz, pose, camera, low, block_pixels, us, vs, depths)
        for k in range(stop - start):
            if block_pixels[k] >= 0:
                pixels[n] = block_pixels[k]
                inside[0, n], inside[1, n], inside[2, n] = us[k], vs[k], depths[k]
                seen[n] = columns[start + k]
                n += 1
    return n


@_compile
def _project_block(  # noqa: PLR0917
    points: Any, pose: Any, camera: Any, low: float, pixels: Any, us: Any, vs: Any, depths: Any
) -> None:
    """Pixel of every point, -1 outside the image; free of branches, so that it is vectorised."""
    fx, fy, cx, cy, width, height = camera
    r00, r01, r02, t0 = pose[0]
    r10, r11, r12, t1 = pose[1]
    r20, r21, r22, t2 = pose[2]
    row_stride = np.int32(math.ceil(width))
    xs, ys, zs = points
    for k in range(len(xs)):
        x, y, z = xs[k], ys[k], zs[k]
        depth = ((r20 * x + r21 * y) + r22 * z) + t2
        u = (fx * (((r00 * x + r01 * y) + r02 * z) + t0)) / depth + cx
        v = (fy * (((r10 * x + r11 * y) + r12 * z) + t1)) / depth + cy
        inside = (depth > 0) & (u >= low) & (v >= low) & (u < width) & (v < height)
        pixels[k] = np.int32(v if inside else 0.0) * row_stride + np.int32(u if inside else -1.0)
        us[k], vs[k], depths[k] = u, v, depth


@_compile
def _fill(buffer: Any, inside: Any, camera: Any, splat_m: float, max_px: float) -> None:
    """Set each pixel to the smallest depth that a point offers it."""
    width, height = math.ceil(camera[4]), math.ceil(camera[5])
    buffer[: width * height] = np.inf
    for j in range(inside.shape[1]):
        u, v, depth = inside[0, j], inside[1, j], inside[2, j]
        half_side = min((splat_m * camera[0]) / depth, max_px)
        first_column, last_column = _span(u, half_side, width)
        first_row, last_row = _span(v, half_side, height)
        for row in range(first_row, last_row + 1):
            for pixel in range(row * width + first_column, row * width + last_column + 1):
                buffer[pixel] = min(depth, buffer[pixel])


@_compile
def _span(position: float, half_side: float, n: int) -> tuple[int, int]:
    """First and last of the n pixels of a row or column that a point covers."""
    own = int(position)
    first = min(own, math.ceil((position - half_side) - 0.5))
    last = max(own, math.floor((position + half_side) - 0.5))
    return max(first, 0), min(last, n - 1)
