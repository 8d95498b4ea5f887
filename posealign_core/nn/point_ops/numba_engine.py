"""The CPU engine: clouds and centres in parallel, compiled once and cached.

Threads are Python's, over compiled code that releases the interpreter: numba's own would spin
between calls and take the processor from torch's, which made a small network forty times slower.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import torch
from numba.core import types
from numba.extending import intrinsic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["ball", "furthest"]

_BLOCK = 1024
_CELLS_PER_AXIS = 64
# No operand is NaN, so that a minimum can be vectorised; nothing else about floats is relaxed.
_compile = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"nnan", "nsz"})


def furthest(xyz: torch.Tensor, n_samples: int, skip_origin: bool) -> torch.Tensor:
    """See `engine.Engine.furthest`; clouds run in parallel."""
    chosen = np.zeros((len(xyz), n_samples), dtype=np.int64)
    columns = np.ascontiguousarray(xyz.numpy().transpose(0, 2, 1))
    _spread(lambda item: _furthest(columns[item], skip_origin, chosen[item]), range(len(xyz)))
    return torch.from_numpy(chosen)


def ball(centers: torch.Tensor, xyz: torch.Tensor, radius: float, n_samples: int) -> torch.Tensor:
    """See `engine.Engine.ball`; a grid of cells as wide as the radius bounds the search."""
    found = np.zeros((*centers.shape[:2], n_samples), dtype=np.int64)
    wanted, clouds = centers.numpy(), xyz.numpy()
    # One cloud is shared among all threads, eight clouds have one each.
    n_parts = max(1, torch.get_num_threads() // len(clouds))

    def search(job: tuple[int, int]) -> None:
        item, part = job
        points, limit = clouds[item], np.float32(radius) * np.float32(radius)
        low, n_cells, edge = _grid(points, radius)
        cells = ((points - low) / edge).astype(np.int64)
        keys = (cells[:, 0] * n_cells[1] + cells[:, 1]) * n_cells[2] + cells[:, 2]
        order = np.argsort(keys, kind="stable")
        counts = np.bincount(keys, minlength=int(n_cells.prod()))
        starts = np.concatenate([[0], np.cumsum(counts)])
        mine = slice(part, None, n_parts)
        _ball(wanted[item, mine], points, limit, order, starts, low, n_cells, edge,
              found[item, mine])  # fmt: skip

    _spread(search, [(item, part) for item in range(len(clouds)) for part in range(n_parts)])
    return torch.from_numpy(found)


def _spread(work: Callable[[Any], None], jobs: Iterable[Any]) -> None:
    """Do jobs on as many threads as torch uses."""
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for done in [pool.submit(work, job) for job in jobs]:
            done.result()


def _grid(points: Any, radius: float) -> tuple[Any, Any, Any]:
    """Lowest corner (3,), cells per axis (3,) and edge lengths (3,) in float64."""
    low = points.min(axis=0).astype(np.float64)
    extent = points.max(axis=0) - low
    # A hair wider than the radius: a hit is never two cells away, however float32 rounds.
    edge = np.maximum(radius * 1.0001 + 1e-6 * np.abs(points).max(), extent / _CELLS_PER_AXIS)
    return low, (extent / edge).astype(np.int64) + 1, edge


@intrinsic
def _fma(_: Any, a: Any, b: Any, c: Any) -> Any:
    """The sum a * b + c in float32, rounded once."""

    def build(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), build


@_compile
def _square(x: Any, y: Any, z: Any) -> Any:
    """Squared length in float32, in the order of the CUDA originals (section 10)."""
    return _fma(z, z, _fma(x, x, y * y))  # type: ignore[call-arg]


@_compile
def _furthest(points: Any, skip_origin: bool, chosen: Any) -> None:
    """Fill `chosen` (m,) from points (3, N); it starts as zeros."""
    xs, ys, zs = points[0], points[1], points[2]
    n_points = len(xs)
    nearest = np.full(n_points, np.float32(1e10), dtype=np.float32)
    if skip_origin:
        for k in range(n_points):
            if not np.float64(_square(xs[k], ys[k], zs[k])) > 1e-3:
                nearest[k] = np.float32(-1.0)  # below any distance: never updated, never the best
    # Floats that are not negative, and -1, order like their bits read as integers; LLVM vectorises
    # the maximum of integers only.
    bits = nearest.view(np.int32)
    last = 0
    for sample in range(1, len(chosen)):
        x, y, z = xs[last], ys[last], zs[last]
        best, best_start = np.int32(-1), -1
        for start in range(0, n_points, _BLOCK):
            stop = min(start + _BLOCK, n_points)
            _approach(xs[start:stop], ys[start:stop], zs[start:stop], nearest[start:stop], x, y, z)
            block_best = _largest(bits[start:stop])
            if block_best > best:
                best, best_start = block_best, start
        last = max(best_start, 0)
        while best_start >= 0 and bits[last] != best:
            last += 1
        chosen[sample] = last


@_compile
def _approach(  # noqa: PLR0917
    xs: Any, ys: Any, zs: Any, nearest: Any, x: Any, y: Any, z: Any
) -> None:
    """Lower the distances to the nearest sample where the new sample (x, y, z) is nearer."""
    for k in range(len(nearest)):
        nearest[k] = min(_square(xs[k] - x, ys[k] - y, zs[k] - z), nearest[k])


@_compile
def _largest(bits: Any) -> Any:
    largest = np.int32(-1)
    for k in range(len(bits)):
        largest = max(largest, bits[k])
    return largest


@_compile
def _ball(  # noqa: PLR0917 - compiled functions take no keywords
    centers: Any,
    points: Any,
    limit: Any,
    order: Any,
    starts: Any,
    low: Any,
    n_cells: Any,
    edge: Any,
    found: Any,
) -> None:
    candidates = np.empty(len(points), dtype=np.int64)
    for row in range(len(centers)):
        n = _candidates(centers[row], order, starts, low, n_cells, edge, candidates)
        _first_hits(centers[row], points, limit, candidates[:n], found[row])


@_compile
def _candidates(  # noqa: PLR0917
    center: Any, order: Any, starts: Any, low: Any, n_cells: Any, edge: Any, candidates: Any
) -> int:
    """Points of the 27 cells around a centre, in no order; how many."""
    first, last = np.empty(3, dtype=np.int64), np.empty(3, dtype=np.int64)
    for axis in range(3):
        # Clipped before it becomes an integer: a centre may lie anywhere.
        cell = np.floor((np.float64(center[axis]) - low[axis]) / edge[axis])
        cell = min(max(cell, -2.0), np.float64(n_cells[axis]) + 1.0)
        first[axis] = max(np.int64(cell) - 1, 0)
        last[axis] = min(np.int64(cell) + 1, n_cells[axis] - 1)
    n = 0
    for i in range(first[0], last[0] + 1):
        for j in range(first[1], last[1] + 1):
            if first[2] > last[2]:
                continue
            column = (i * n_cells[1] + j) * n_cells[2]
            for place in range(starts[column + first[2]], starts[column + last[2] + 1]):
                candidates[n] = order[place]
                n += 1
    return n


@_compile
def _first_hits(center: Any, points: Any, limit: Any, candidates: Any, out: Any) -> None:
    """Write the first hits among candidates in the order of the cloud, padded with the first."""
    everything = len(candidates) * 4 > len(points)  # then a scan ends soon, and sorting would not
    n = 0
    if everything:
        for k in range(len(points)):
            if _is_hit(center, points, k, limit):
                out[n] = k
                n += 1
                if n == len(out):
                    break
    else:
        for place in range(len(candidates)):
            if _is_hit(center, points, candidates[place], limit):
                candidates[n] = candidates[place]
                n += 1
        hits = np.sort(candidates[:n])
        n = min(n, len(out))
        out[:n] = hits[:n]
    if n > 0:
        out[n:] = out[0]


@_compile
def _is_hit(center: Any, points: Any, k: int, limit: Any) -> Any:
    return (
        _square(center[0] - points[k, 0], center[1] - points[k, 1], center[2] - points[k, 2])
        < limit
    )
