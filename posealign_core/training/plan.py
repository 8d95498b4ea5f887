"""Which queries make up which training sequence, and in what order."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

from torch.utils.data import Sampler

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    import numpy as np

__all__ = ["Item", "ItemStream", "pack"]


class Item(NamedTuple):
    """One training sequence.

    Attributes:
        epoch: Which draw of the poses.
        indices: Its queries, by their place in the list; they share scene and pose.
    """

    epoch: int
    indices: tuple[int, ...]


def pack(keys: Sequence[Hashable], size: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Put what has equal keys together, at random and up to `size` of it, in random order.

    Args:
        keys: One per query.
        size: Most queries per pack.
        rng: The only source of randomness.

    Returns:
        Packs of indices; each index is in exactly one.
    """
    groups: dict[Hashable, list[int]] = {}
    for index in rng.permutation(len(keys)).tolist():
        groups.setdefault(keys[index], []).append(index)
    packs = [
        tuple(members[start : start + size])
        for members in groups.values()
        for start in range(0, len(members), size)
    ]
    return [packs[i] for i in rng.permutation(len(packs))]


class ItemStream(Sampler[Item]):
    """Epoch after epoch of items, cut to a length; items carry their epoch.

    Since nothing is remembered between items, a resumed run and any number of workers see the same
    ones.

    Args:
        epoch_items: The items of an epoch, in training order.
        length: How many items in all.
    """

    def __init__(self, epoch_items: Callable[[int], list[tuple[int, ...]]], length: int) -> None:
        self._epoch_items = epoch_items
        self._length = length

    def __iter__(self) -> Iterator[Item]:
        endless = (
            Item(epoch, indices)
            for epoch in itertools.count()
            for indices in self._epoch_items(epoch)
        )
        return itertools.islice(endless, self._length)

    def __len__(self) -> int:
        return self._length
