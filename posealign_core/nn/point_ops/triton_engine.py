"""The CUDA engine: one program samples one cloud; one program searches for one centre."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

__all__ = ["ball", "furthest"]

_SAMPLE_BLOCK = 4096
_SEARCH_BLOCK = 1024


def furthest(xyz: torch.Tensor, n_samples: int, skip_origin: bool) -> torch.Tensor:
    """See `engine.Engine.furthest`; all samples of a cloud are drawn in one launch."""
    n_clouds, n_points, _ = xyz.shape
    columns = xyz.transpose(1, 2).contiguous()
    nearest = torch.full((n_clouds, n_points), 1e10, device=xyz.device)
    chosen = torch.zeros((n_clouds, n_samples), dtype=torch.int64, device=xyz.device)
    block = min(_SAMPLE_BLOCK, triton.next_power_of_2(n_points))
    _furthest_kernel[(n_clouds,)](
        columns,
        nearest,
        chosen,
        n_points,
        n_samples,
        SKIP_ORIGIN=skip_origin,
        BLOCK=block,
        num_warps=max(1, min(32, block // 128)),
    )
    return chosen


def ball(centers: torch.Tensor, xyz: torch.Tensor, radius: float, n_samples: int) -> torch.Tensor:
    """See `engine.Engine.ball`; a search ends as soon as the ball is full."""
    n_clouds, n_centers, _ = centers.shape
    columns = xyz.transpose(1, 2).contiguous()
    found = torch.zeros((n_clouds, n_centers, n_samples), dtype=torch.int64, device=xyz.device)
    limit = torch.tensor(radius, dtype=torch.float32).square().item()
    _ball_kernel[(n_centers, n_clouds)](
        centers,
        columns,
        found,
        n_centers,
        xyz.shape[1],
        limit,
        n_samples,
        SLOTS=triton.next_power_of_2(n_samples),
        BLOCK=min(_SEARCH_BLOCK, triton.next_power_of_2(xyz.shape[1])),
    )
    return found


@triton.jit
def _square(x, y, z):  # type: ignore[no-untyped-def]
    """Squared length in the order of the CUDA originals (section 10)."""
    return tl.fma(z, z, tl.fma(x, x, y * y))


@triton.jit  # type: ignore[untyped-decorator]
def _furthest_kernel(  # type: ignore[no-untyped-def] # noqa: PLR0917
    columns,
    nearest,
    chosen,
    n_points,
    n_samples,
    SKIP_ORIGIN: tl.constexpr,
    BLOCK: tl.constexpr,
):
    cloud = tl.program_id(0).to(tl.int64)
    xs = columns + cloud * 3 * n_points
    ys, zs = xs + n_points, xs + 2 * n_points
    own = nearest + cloud * n_points
    lanes = tl.arange(0, BLOCK)
    if SKIP_ORIGIN:
        for start in range(0, n_points, BLOCK):
            rows = start + lanes
            inside = rows < n_points
            x = tl.load(xs + rows, mask=inside, other=0.0)
            y = tl.load(ys + rows, mask=inside, other=0.0)
            z = tl.load(zs + rows, mask=inside, other=0.0)
            skipped = _square(x, y, z).to(tl.float64) <= 1e-3
            # Below any distance: never updated, never the best.
            tl.store(own + rows, -1.0, mask=inside & skipped)
        tl.debug_barrier()  # other lanes may read these
    last = tl.zeros((), dtype=tl.int32)
    for sample in range(1, n_samples):
        x0, y0, z0 = tl.load(xs + last), tl.load(ys + last), tl.load(zs + last)
        best = tl.full((BLOCK,), -1.0, dtype=tl.float32)
        best_row = tl.zeros((BLOCK,), dtype=tl.int32)
        for start in range(0, n_points, BLOCK):
            # A lane meets the same rows in every pass, so that it reads only what it wrote.
            rows = start + lanes
            inside = rows < n_points
            x = tl.load(xs + rows, mask=inside, other=0.0) - x0
            y = tl.load(ys + rows, mask=inside, other=0.0) - y0
            z = tl.load(zs + rows, mask=inside, other=0.0) - z0
            distance = tl.minimum(_square(x, y, z), tl.load(own + rows, mask=inside, other=-1.0))
            tl.store(own + rows, distance, mask=inside)
            further = distance > best
            best = tl.where(further, distance, best)
            best_row = tl.where(further, rows, best_row)
        # The bits of floats from 0 upwards order like integers; below them, the earlier row wins.
        bits = best.to(tl.int32, bitcast=True).to(tl.int64)
        key = tl.max((bits << 32) | (0x7FFFFFFF - best_row).to(tl.int64), axis=0)
        row = 0x7FFFFFFF - (key & 0x7FFFFFFF).to(tl.int32)
        last = tl.where(key >= 0, row, 0)
        tl.store(chosen + cloud * n_samples + sample, last.to(tl.int64))


@triton.jit  # type: ignore[untyped-decorator]
def _ball_kernel(  # type: ignore[no-untyped-def] # noqa: PLR0917
    centers,
    columns,
    found,
    n_centers,
    n_points,
    limit,
    n_samples,
    SLOTS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    center = tl.program_id(1).to(tl.int64) * n_centers + tl.program_id(0)
    xs = columns + tl.program_id(1).to(tl.int64) * 3 * n_points
    ys, zs = xs + n_points, xs + 2 * n_points
    out = found + center * n_samples
    x0, y0, z0 = (
        tl.load(centers + center * 3),
        tl.load(centers + center * 3 + 1),
        tl.load(centers + center * 3 + 2),
    )
    lanes = tl.arange(0, BLOCK)
    n_hits = tl.zeros((), dtype=tl.int32)
    first = tl.zeros((), dtype=tl.int32)
    start = tl.zeros((), dtype=tl.int32)
    while (start < n_points) & (n_hits < n_samples):
        rows = start + lanes
        inside = rows < n_points
        x = x0 - tl.load(xs + rows, mask=inside, other=0.0)
        y = y0 - tl.load(ys + rows, mask=inside, other=0.0)
        z = z0 - tl.load(zs + rows, mask=inside, other=0.0)
        hit = inside & (_square(x, y, z) < limit)
        counted = hit.to(tl.int32)
        place = n_hits + tl.cumsum(counted, 0) - counted
        tl.store(out + place, rows.to(tl.int64), mask=hit & (place < n_samples))
        n_new = tl.sum(counted, axis=0)
        earliest = tl.min(tl.where(hit, rows, 0x7FFFFFFF), axis=0)
        first = tl.where((n_hits == 0) & (n_new > 0), earliest, first)
        n_hits += n_new
        start += BLOCK
    slots = tl.arange(0, SLOTS)
    tl.store(
        out + slots,
        tl.zeros((SLOTS,), tl.int64) + first,
        mask=(slots >= n_hits) & (slots < n_samples),
    )
