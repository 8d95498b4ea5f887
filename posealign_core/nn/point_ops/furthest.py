"""Furthest point sampling (ll3da section 10.1)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import torch

from posealign_core.errors import ShapeError
from posealign_core.nn.point_ops.engine import choose_engine, load_engine

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_cloud", "furthest_point_sampling", "tie_order"]

_MAX_THREADS = 512


def furthest_point_sampling(
    xyz: Tensor, n_samples: int, *, skip_origin: bool, engine: str | None = None
) -> Tensor:
    """Sample points one by one, each as far as can be from those before; the first is point 0.

    Distances are squared, in float32, as `fma(dz, dz, fma(dx, dx, dy * dy))`. Which of equally far
    points is taken follows `tie_order`. Once no point is apart from the sampled ones, point 0 or
    others are sampled again.

    Args:
        xyz: (B, N, 3) finite coordinates, metres.
        n_samples: Samples per cloud, more than N allowed.
        skip_origin: Never sample points within 3.16 cm of the origin (squared norm up to 1e-3), nor
            let distances to them count, as the CUDA original does. Point 0 is sampled regardless.
        engine: One of `ENGINES`; None chooses by device.

    Returns:
        (B, n_samples) int64 rows.

    Raises:
        ShapeError: `xyz` is not (B, N, 3) with N >= 1.
    """
    check_cloud(xyz, "furthest point sampling")
    order = tie_order(xyz.shape[1]).to(xyz.device)
    points = xyz.detach().float()[:, order].contiguous()
    work = load_engine(engine or choose_engine(xyz.device))
    return order[work.furthest(points, n_samples, skip_origin)]


@functools.lru_cache(maxsize=32)
def tie_order(n_points: int) -> Tensor:
    """Order of preference (N,) int64 among equally far points, as the CUDA original's threads have.

    A block has 2^h threads, at most 512. Thread t reads points t, t + 2^h, ... and keeps its first
    maximum; the threads' maxima meet in a tree with strides 2^(h-1), ..., 1, whose lower slot wins
    ties. So thread t comes in the order of its h bits reversed.
    """
    height = min(n_points, _MAX_THREADS).bit_length() - 1
    threads = torch.arange(1 << height)
    reversed_bits = torch.zeros_like(threads)
    for bit in range(height):
        reversed_bits |= (threads >> bit & 1) << (height - 1 - bit)
    rows = torch.arange(n_points)
    # Stable, so that points of one thread stay in their order.
    return reversed_bits[rows % len(threads)].argsort(stable=True)


def check_cloud(xyz: Tensor, what: str) -> None:
    """Refuse what is not (B, N, 3) with N >= 1.

    Raises:
        ShapeError: See above.
    """
    if xyz.ndim != 3 or xyz.shape[2] != 3 or xyz.shape[1] == 0:
        raise ShapeError(f"{what}: wanted points (B, N, 3) with N >= 1, found {tuple(xyz.shape)}")
