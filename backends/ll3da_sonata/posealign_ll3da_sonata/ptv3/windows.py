"""Attention windows along a curve: which places attend to each other (section 8.3)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

__all__ = ["Windows", "make_windows"]


class Windows(NamedTuple):
    """Windows of a batch, gathered by their length.

    Attributes:
        tables: One (W, L) int64 per length: places along the curve.
        slots: (N,) int64 where the output of each place stands among all entries of the tables,
            table after table.
    """

    tables: tuple[Tensor, ...]
    slots: Tensor


def make_windows(counts: Sequence[int], size: int, device: torch.device) -> Windows:
    """Cut each sample into windows of `size`; the last one reaches back to be full.

    A sample that is smaller is one window. Places that the last window borrows keep the output of
    the window before.

    Args:
        counts: Places of each sample, one sample after the other.
        size: Places per window.
        device: Of the tables.
    """
    tables: dict[int, list[Tensor]] = defaultdict(list)
    owned: dict[int, list[Tensor]] = defaultdict(list)
    offset = 0
    for n in counts:
        length = min(n, size)
        first = torch.arange(0, n, length)
        places = first.clamp(max=n - length)[:, None] + torch.arange(length)
        tables[length].append(places + offset)
        owned[length].append(places >= first[:, None])
        offset += n
    joined = [torch.cat(group) for group in tables.values()]
    places = torch.cat([table.flatten() for table in joined])
    own = torch.cat([part.flatten() for group in owned.values() for part in group]).nonzero()[:, 0]
    slots = torch.empty(offset, dtype=torch.int64)
    slots[places[own]] = own
    return Windows(tuple(table.to(device) for table in joined), slots.to(device))
