"""Voxels in the order of space-filling curves: Z-order (Morton) and Hilbert (Skilling 2004).

A `-trans` curve is the same one with the first two axes swapped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from posealign_core.errors import ConfigError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = [
    "CURVES",
    "MAX_DEPTH",
    "CurveOrders",
    "cells_of_hilbert",
    "cells_of_z_order",
    "curve_codes",
    "curve_depth",
    "hilbert",
    "serialize",
    "z_order",
]

CURVES = ("z", "z-trans", "hilbert", "hilbert-trans")
MAX_DEPTH = 16
"""Bits per axis that codes have room for, beside the item of the batch."""

# Masks after each doubling of the gaps: bits of a number move to every third place.
_SPREAD = (
    (32, 0x001F00000000FFFF),
    (16, 0x001F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)
_LOW_BITS = 0x1FFFFF


@dataclass(frozen=True, eq=False, kw_only=True)
class CurveOrders:
    """A batch of voxels along k curves; each item of the batch is contiguous along every curve.

    Attributes:
        depth: Bits per axis.
        codes: (k, N) int64 place on the curve, the item of the batch in the top bits.
        orders: (k, N) int64 rows in the order of the curve.
        positions: (k, N) int64 the inverse: where each row comes in that order.
    """

    depth: int
    codes: Tensor
    orders: Tensor
    positions: Tensor


def curve_depth(cells: Tensor) -> int:
    """Bits per axis for cells (N, 3): those of the largest index plus one, as Sonata counts them.

    Powers of two minus one get a bit more than they need, which turns the Hilbert curve
    (`sonata_ptv3` section 6.1).
    """
    return _bits_of(int(cells.max()))


def z_order(cells: Tensor) -> Tensor:
    """(N,) Z-order codes of cells (N, 3): bits interleaved, those of x the most significant."""
    x, y, z = (_spread(axis) for axis in cells.long().unbind(1))
    return (x << 2) | (y << 1) | z


def cells_of_z_order(codes: Tensor) -> Tensor:
    """(N, 3) cells of Z-order codes (N,)."""
    return torch.stack([_gather(codes >> 2), _gather(codes >> 1), _gather(codes)], dim=1)


def hilbert(cells: Tensor, depth: int) -> Tensor:
    """(N,) places on the Hilbert curve of cells (N, 3).

    Args:
        cells: Indices in [0, 2**depth).
        depth: Bits per axis; the curve depends on it.
    """
    axes = list(cells.long().unbind(1))
    for bit in range(depth - 1, 0, -1):
        for axis in range(3):
            _exchange(axes, axis, bit)
    codes = z_order(torch.stack(axes, dim=1))
    for shift in (1, 2, 4, 8, 16, 32):
        codes = codes ^ (codes >> shift)
    return codes


def cells_of_hilbert(codes: Tensor, depth: int) -> Tensor:
    """(N, 3) cells at places (N,) on the Hilbert curve of that depth."""
    axes = list(cells_of_z_order(codes ^ (codes >> 1)).unbind(1))
    for bit in range(1, depth):
        for axis in (2, 1, 0):
            _exchange(axes, axis, bit)
    return torch.stack(axes, dim=1)


def curve_codes(cells: Tensor, curve: str, depth: int) -> Tensor:
    """(N,) int64 places of cells on a curve.

    Args:
        cells: (N, 3) integers in [0, 2**depth).
        curve: One of `CURVES`.
        depth: Bits per axis.

    Raises:
        ConfigError: There is no such curve.
    """
    if curve not in CURVES:
        raise ConfigError([f"wanted one of {CURVES}, found {curve!r}"], source="curve")
    if curve.endswith("-trans"):
        cells = cells[:, [1, 0, 2]]
    return z_order(cells) if curve.startswith("z") else hilbert(cells, depth)


def serialize(
    cells: Tensor,
    counts: Sequence[int],
    curves: Sequence[str],
    *,
    permutation: Sequence[int] | None = None,
    depth_per_item: bool = False,
) -> CurveOrders:
    """Order a batch of voxels along curves (`sonata_ptv3` section 6).

    Args:
        cells: (N, 3) integers, not negative, distinct within an item; items one after the other.
        counts: Voxels of each item.
        curves: Names out of `CURVES`.
        permutation: Which curve comes in each of the k rows; None keeps their order.
        depth_per_item: Each item has the depth of its own cells, so that its order does not depend
            on what else is in the batch; otherwise all have that of the largest index, as released.

    Raises:
        ShapeError: Cells are negative, repeated or too many along an axis, or the batch is too
            large for 63 bits.
        ConfigError: There is no such curve.
    """
    depth = _require_fitting(cells, len(counts))
    curves = [curves[row] for row in permutation] if permutation is not None else [*curves]
    if depth_per_item:
        parts = [(part, curve_depth(part)) for part in torch.split(cells, [*counts])]
    else:
        parts = [(cells, depth)]
    codes = torch.stack(
        [torch.cat([curve_codes(part, curve, bits) for part, bits in parts]) for curve in curves]
    )
    items = torch.arange(len(counts), device=cells.device)
    batch = items.repeat_interleave(torch.tensor(counts, device=cells.device))
    codes = codes | (batch << (3 * depth))
    sorted_codes, orders = codes.sort(dim=1)
    if (sorted_codes[0, 1:] == sorted_codes[0, :-1]).any():
        raise ShapeError(
            f"serialization: wanted distinct voxels, found {len(cells)} of which only "
            f"{len(torch.unique(codes[0]))} are distinct; sample one point per voxel first"
        )
    rows = torch.arange(len(cells), device=cells.device).expand_as(orders)
    positions = torch.empty_like(orders).scatter_(1, orders, rows)
    return CurveOrders(depth=depth, codes=codes, orders=orders, positions=positions)


def _require_fitting(cells: Tensor, n_items: int) -> int:
    """The depth that all cells share."""
    low, high = (int(value) for value in cells.aminmax())
    if low < 0:
        raise ShapeError(
            f"serialization: wanted cells that are not negative, found {low}; subtract the least "
            "cell of each axis"
        )
    depth = _bits_of(high)
    if depth > MAX_DEPTH or 3 * depth + n_items.bit_length() > 63:
        raise ShapeError(
            f"serialization: wanted cells below {2**MAX_DEPTH - 1} per axis and 3 x depth + bits "
            f"of the batch size within 63, found a cell {high} (depth {depth}) in a batch of "
            f"{n_items}; use larger voxels, or remove far outliers"
        )
    return depth


def _bits_of(largest: int) -> int:
    return (largest + 1).bit_length()


def _spread(values: Tensor) -> Tensor:
    """Move bit i to bit 3i; 21 bits at most."""
    for shift, mask in _SPREAD:
        values = (values | (values << shift)) & mask
    return values


def _gather(values: Tensor) -> Tensor:
    """Move bit 3i to bit i and drop the others."""
    values = values & _SPREAD[-1][1]
    masks = [mask for _, mask in _SPREAD[-2::-1]] + [_LOW_BITS]
    for (shift, _), mask in zip(reversed(_SPREAD), masks, strict=True):
        values = (values | (values >> shift)) & mask
    return values


def _exchange(axes: list[Tensor], axis: int, bit: int) -> None:
    """Skilling's step: invert the low bits of the first axis, or swap them with another's."""
    low = (1 << bit) - 1
    inverted = -((axes[axis] >> bit) & 1) & low
    swapped = (axes[0] ^ axes[axis]) & (low ^ inverted)
    axes[0] = axes[0] ^ swapped ^ inverted
    if axis:
        axes[axis] = axes[axis] ^ swapped
