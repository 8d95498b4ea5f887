"""Furthest point sampling and ball query beside plain renditions, side by side in one run.

    python benchmarks/point_ops.py [--points 40000] [--samples 2048] [--batch 8] [--device cpu]

On the CPU our engine runs beside numpy, which takes one cloud, and one centre, at a time; on CUDA
beside torch, which samples all clouds at once in a Python loop, and searches in blocks of centres.
All get the same points, on the walls and furniture of a room, and must give equal indices. The
plain renditions run once, ours several times, of which the fastest counts. Time is wall time.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from posealign_core.nn.point_ops import (
    ball_query,
    choose_engine,
    furthest_point_sampling,
    gather_points,
    tie_order,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

RADIUS_M, N_NEIGHBOURS = 0.2, 64
T = TypeVar("T")


def rooms(n_points: int, batch: int, seed: int) -> Tensor:
    """(B, N, 3) points on the sides of boxes in rooms of 6 x 5 x 2.6 m, with 4 mm of noise."""
    rng = np.random.default_rng(seed)
    size = np.array([6.0, 5.0, 2.6])
    edges = np.concatenate([size[None], rng.uniform(0.3, 1.5, (20, 3)) * [1.0, 1.0, 0.7]])
    corners = rng.random((21, 3)) * (size - edges) * [1.0, 1.0, 0.0]
    box = rng.choice(21, (batch, n_points), p=[0.5, *[0.025] * 20])
    places = rng.random((batch, n_points, 3))
    axis = rng.integers(3, size=(batch, n_points, 1))
    np.put_along_axis(places, axis, np.take_along_axis(places, axis, 2).round(), 2)
    points = corners[box] + places * edges[box] + rng.normal(0.0, 0.004, places.shape)
    return torch.from_numpy((points - size / 2).astype(np.float32))


def numpy_square(offsets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Squared lengths (n,) of (n, 3), with sums rounded as a fused multiply-add rounds them."""
    x, y, z = offsets.astype(np.float64).T
    inner = (x * x + (y * y).astype(np.float32)).astype(np.float32)
    return (z * z + inner).astype(np.float32)


def numpy_furthest(points: NDArray[np.float32], n_samples: int) -> NDArray[np.int64]:
    """Rows (n_samples,) of points (N, 3) in their order of preference."""
    nearest = np.full(len(points), 1e10, dtype=np.float32)
    nearest[numpy_square(points).astype(np.float64) <= 1e-3] = -1
    chosen = np.zeros(n_samples, dtype=np.int64)
    for sample in range(1, n_samples):
        np.minimum(nearest, numpy_square(points - points[chosen[sample - 1]]), out=nearest)
        chosen[sample] = nearest.argmax()
    return chosen


def numpy_ball(centers: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.int64]:
    """Rows (M, N_NEIGHBOURS) of points (N, 3)."""
    found = np.zeros((len(centers), N_NEIGHBOURS), dtype=np.int64)
    limit = np.float32(RADIUS_M) * np.float32(RADIUS_M)
    for row, center in enumerate(centers):
        hits = np.flatnonzero(numpy_square(center - points) < limit)[:N_NEIGHBOURS]
        if len(hits):
            found[row] = hits[0]
            found[row, : len(hits)] = hits
    return found


def torch_square(offsets: Tensor) -> Tensor:
    """As `numpy_square`, of (..., 3)."""
    x, y, z = offsets.double().unbind(-1)
    return (z * z + (x * x + (y * y).float()).float()).float()


def torch_furthest(xyz: Tensor, n_samples: int) -> Tensor:
    """Rows (B, n_samples) of points (B, N, 3) in their order of preference."""
    nearest = torch.full(xyz.shape[:2], 1e10, device=xyz.device)
    nearest[torch_square(xyz).double() <= 1e-3] = -1
    chosen = torch.zeros(len(xyz), n_samples, dtype=torch.int64, device=xyz.device)
    items = torch.arange(len(xyz), device=xyz.device)
    for sample in range(1, n_samples):
        last = xyz[items, chosen[:, sample - 1]]
        nearest = torch.minimum(nearest, torch_square(xyz - last[:, None]))
        chosen[:, sample] = nearest.argmax(dim=1)
    return chosen


def torch_ball(centers: Tensor, xyz: Tensor) -> Tensor:
    """Rows (B, M, N_NEIGHBOURS) of points (B, N, 3)."""
    limit = torch.tensor(RADIUS_M, dtype=torch.float32).square().item()
    rows = torch.arange(xyz.shape[1], device=xyz.device)
    found = []
    for points, own in zip(xyz, centers, strict=True):
        for block in own.split(256):
            hit = torch_square(block[:, None] - points) < limit
            first = torch.where(hit, rows, len(rows)).topk(N_NEIGHBOURS, largest=False, sorted=True)
            places = torch.where(first.values < len(rows), first.values, first.values[:, :1])
            found.append(places.where(places < len(rows), 0))
    return torch.cat(found).view(*centers.shape[:2], N_NEIGHBOURS)


def timed(work: Callable[[], T], repeat: int, device: str) -> tuple[float, T]:
    """Fastest of some runs in seconds, and the last result."""
    best = float("inf")
    for _ in range(repeat):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        result = work()
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return best, result


def measure(args: argparse.Namespace) -> bool:
    """Print one line per operation; whether all indices are equal."""
    xyz = rooms(args.points, args.batch, args.seed).to(args.device)
    order = tie_order(args.points).to(args.device)
    preferred = xyz[:, order].contiguous()
    engine, plain = choose_engine(xyz.device), "torch" if args.device == "cuda" else "numpy"

    def sample() -> Tensor:
        return furthest_point_sampling(xyz, args.samples, skip_origin=True)

    centers = gather_points(xyz.mT.contiguous(), sample()).mT.contiguous()

    def search() -> Tensor:
        return ball_query(centers, xyz, RADIUS_M, N_NEIGHBOURS)

    def plain_sample() -> Tensor:
        if plain == "torch":
            return order[torch_furthest(preferred, args.samples)]
        rows = [numpy_furthest(points, args.samples) for points in preferred.numpy()]
        return order[torch.from_numpy(np.stack(rows))]

    def plain_search() -> Tensor:
        if plain == "torch":
            return torch_ball(centers, xyz)
        pairs = zip(centers.numpy(), xyz.numpy(), strict=True)
        return torch.from_numpy(np.stack([numpy_ball(*pair) for pair in pairs]))

    print(f"{args.batch} x {args.points} points, {args.samples} samples, on {args.device}, "
          f"{torch.get_num_threads()} threads, torch {torch.__version__}")  # fmt: skip
    print(f"{'':<26}{engine + ' ms':>12}{plain + ' ms':>12}{'ratio':>8}  equal")
    equal = True
    lines = (
        ("furthest point sampling", sample, plain_sample),
        (f"ball query {RADIUS_M} m, {N_NEIGHBOURS}", search, plain_search),
    )
    for name, ours, theirs in lines:
        timed(ours, 1, args.device)  # compiles
        slow, expected = timed(theirs, 1, args.device)
        fast, found = timed(ours, args.repeat, args.device)
        same = torch.equal(found, expected)
        equal &= same
        print(f"{name:<26}{1e3 * fast:>12.1f}{1e3 * slow:>12.1f}{slow / fast:>8.1f}  {same}")
    return equal


def main() -> int:
    """Read the arguments, measure, and fail where indices differ."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=40_000, help="per cloud (default: 40000)")
    parser.add_argument("--samples", type=int, default=2048, help="per cloud (default: 2048)")
    parser.add_argument("--batch", type=int, default=8, help="clouds (default: 8)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of ours (default: 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where present")
    args = parser.parse_args()
    args.device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    return 0 if measure(args) else 1


if __name__ == "__main__":
    sys.exit(main())
