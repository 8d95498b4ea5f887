"""The CUDA engine: one kernel fills the Z-buffers of many cameras, one counts what passes them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import triton
import triton.language as tl

from posealign_core.errors import MissingDependencyError
from posealign_core.recover.zbuffer import MAX_SPLAT_PX, PointCounts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.recover.zbuffer import ZBufferTask

__all__ = ["count_visible"]

_BLOCK = 256
_BUFFER_BYTES = 256 << 20


def count_visible(task: ZBufferTask) -> PointCounts:
    """Do a task; cameras are taken in groups whose buffers fit 256 MiB.

    Raises:
        MissingDependencyError: There is no CUDA device.
    """
    device = _device()
    points, columns = _send(task.points, device), _send(task.columns, device)
    group = max(1, _BUFFER_BYTES // (8 * max(1, task.n_pixels)))
    # One row per camera, and one more for all points of each object.
    counts = torch.zeros((task.n_cameras + 1, task.n_columns), dtype=torch.int32, device=device)
    if len(points) and task.n_columns:
        total = counts[task.n_cameras]
        _total_kernel[(triton.cdiv(len(points), _BLOCK),)](
            columns, total, len(points), BLOCK=_BLOCK
        )
        for start in range(0, task.n_cameras, group):
            stop = min(start + group, task.n_cameras)
            _count_group(task, slice(start, stop), points, columns, counts[start:stop])
    on_host = counts.cpu().numpy().astype(np.int64)
    return PointCounts(on_host[:-1], on_host[-1])


def _device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if os.environ.get("TRITON_INTERPRET") == "1":
        return torch.device("cpu")
    raise MissingDependencyError(
        "engine 'triton' needs a CUDA device, found none; use engine 'numba' or 'auto'"
    )


def _send(array: NDArray[Any], device: torch.device) -> torch.Tensor:
    # Torch cannot wrap read-only memory, which the arrays of a scene are.
    return torch.from_numpy(array if array.flags.writeable else array.copy()).to(device)


def _count_group(
    task: ZBufferTask,
    cameras: slice,
    points: torch.Tensor,
    columns: torch.Tensor,
    counts: torch.Tensor,
) -> None:
    """Count for some of the cameras, into their rows of `counts`."""
    views = _send(_view_rows(task)[cameras], points.device)
    infinity = torch.full(
        (len(views), task.n_pixels), torch.inf, dtype=torch.float64, device=points.device
    )
    # Positive doubles order like their bits read as integers, for which there is an atomic minimum.
    buffers = infinity.view(torch.int64)
    grid = (triton.cdiv(len(points), _BLOCK), len(views))
    sizes = (len(points), task.n_pixels)
    # A fused multiply-add would round once where the other engines round twice.
    options: dict[str, Any] = {"BLOCK": _BLOCK, "enable_fp_fusion": False}
    _fill_kernel[grid](points, views, buffers, *sizes, MAX_PX=MAX_SPLAT_PX, **options)
    _count_kernel[grid](points, columns, views, buffers, counts, *sizes, task.n_columns, **options)


def _view_rows(task: ZBufferTask) -> NDArray[np.float64]:
    """(V, 22): pose 0-11, camera 12-17, slack 18-19, lowest pixel 20, splat 21.

    Everything in float64 travels here: Triton would round a scalar argument to float32.
    """
    rows = np.empty((task.n_cameras, 22))
    rows[:, :12] = task.camera_from_world.reshape(-1, 12)
    rows[:, 12:18] = task.cameras
    rows[:, 18:20] = task.slack
    rows[:, 20:] = task.low, task.splat_m
    return rows


@triton.jit  # type: ignore[untyped-decorator]
def _project(points, views, camera, n_points, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    """Depth, u, v and inside flag of a block of points in one camera; u = v = 0 outside."""
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    valid = index < n_points
    x = tl.load(points + index * 3, valid, 0.0).to(tl.float64)
    y = tl.load(points + index * 3 + 1, valid, 0.0).to(tl.float64)
    z = tl.load(points + index * 3 + 2, valid, 0.0).to(tl.float64)
    p = views + camera * 22
    camera_x = ((tl.load(p) * x + tl.load(p + 1) * y) + tl.load(p + 2) * z) + tl.load(p + 3)
    camera_y = ((tl.load(p + 4) * x + tl.load(p + 5) * y) + tl.load(p + 6) * z) + tl.load(p + 7)
    depth = ((tl.load(p + 8) * x + tl.load(p + 9) * y) + tl.load(p + 10) * z) + tl.load(p + 11)
    u = (tl.load(p + 12) * camera_x) / depth + tl.load(p + 14)
    v = (tl.load(p + 13) * camera_y) / depth + tl.load(p + 15)
    low = tl.load(p + 20)
    inside = valid & (depth > 0) & (u >= low) & (v >= low)
    inside = inside & (u < tl.load(p + 16)) & (v < tl.load(p + 17))
    return depth, tl.where(inside, u, 0.0), tl.where(inside, v, 0.0), inside


@triton.jit
def _span(position, half_side, n):  # type: ignore[no-untyped-def]
    """First and last of the n pixels of a row or column that each point covers."""
    own = position.to(tl.int32)
    first = tl.minimum(own, tl.ceil((position - half_side) - 0.5).to(tl.int32))
    last = tl.maximum(own, tl.floor((position + half_side) - 0.5).to(tl.int32))
    return tl.maximum(first, 0), tl.minimum(last, n - 1)


@triton.jit  # type: ignore[untyped-decorator]
def _fill_kernel(  # type: ignore[no-untyped-def] # noqa: PLR0917
    points, views, buffers, n_points, n_pixels, MAX_PX: tl.constexpr, BLOCK: tl.constexpr
):
    camera = tl.program_id(1)
    depth, u, v, inside = _project(points, views, camera, n_points, BLOCK)
    p = views + camera * 22
    width = tl.ceil(tl.load(p + 16)).to(tl.int32)
    height = tl.ceil(tl.load(p + 17)).to(tl.int32)
    offered = tl.where(inside, (tl.load(p + 21) * tl.load(p + 12)) / depth, 0.0)
    half_side = tl.minimum(offered, MAX_PX)
    first_column, last_column = _span(u, half_side, width)
    first_row, last_row = _span(v, half_side, height)
    bits = depth.to(tl.int64, bitcast=True)
    buffer = buffers + camera.to(tl.int64) * n_pixels
    for down in range(tl.max(last_row - first_row, 0) + 1):
        for right in range(tl.max(last_column - first_column, 0) + 1):
            row = first_row + down
            column = first_column + right
            hit = inside & (row <= last_row) & (column <= last_column)
            target = buffer + row * width + column
            # Most offers lose: a look at the buffer is cheaper than an atomic operation.
            hit = hit & (bits < tl.load(target, hit, 0))
            tl.atomic_min(target, bits, hit, sem="relaxed")


@triton.jit  # type: ignore[untyped-decorator]
def _total_kernel(columns, total, n_points, BLOCK: tl.constexpr):  # type: ignore[no-untyped-def]
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    column = tl.load(columns + index, index < n_points, -1)
    tl.atomic_add(total + column, 1, column >= 0, sem="relaxed")


@triton.jit  # type: ignore[untyped-decorator]
def _count_kernel(  # type: ignore[no-untyped-def] # noqa: PLR0917
    points, columns, views, buffers, counts, n_points, n_pixels, n_columns, BLOCK: tl.constexpr
):
    camera = tl.program_id(1)
    depth, u, v, inside = _project(points, views, camera, n_points, BLOCK)
    p = views + camera * 22
    width = tl.ceil(tl.load(p + 16)).to(tl.int32)
    pixel = v.to(tl.int32) * width + u.to(tl.int32)
    buffer = buffers + camera.to(tl.int64) * n_pixels
    nearest = tl.load(buffer + pixel, inside, 0).to(tl.float64, bitcast=True)
    slack = tl.load(p + 18) + tl.load(p + 19) * depth
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    object_column = tl.load(columns + index, inside, -1)
    seen = inside & (depth <= nearest + slack) & (object_column >= 0)
    tl.atomic_add(counts + camera * n_columns + object_column, 1, seen, sem="relaxed")
