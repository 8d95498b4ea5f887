from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.training.plan import Item, ItemStream, pack


@given(
    keys=st.lists(st.integers(0, 4), max_size=40),
    size=st.integers(1, 8),
    seed=st.integers(0, 2**32),
)
def test_packs_are_a_partition_of_equals(keys: list[int], size: int, seed: int) -> None:
    packs = pack(keys, size, np.random.default_rng(seed))
    assert sorted(itertools.chain(*packs)) == list(range(len(keys)))
    assert all(1 <= len(p) <= size and len({keys[i] for i in p}) == 1 for p in packs)
    # As few as can be: each key has at most one pack that is not full.
    assert len(packs) == sum(-(-keys.count(key) // size) for key in set(keys))


def test_order_is_shuffled_and_seeded() -> None:
    keys = list(range(50))
    first = pack(keys, 1, np.random.default_rng(1))
    assert first == pack(keys, 1, np.random.default_rng(1))
    assert first != pack(keys, 1, np.random.default_rng(2))
    assert first != sorted(first)


def test_stream_runs_on_through_epochs_of_different_length() -> None:
    epochs = {0: [(0,), (1,), (2,)], 1: [(2, 1), (0,)], 2: [(1,), (0,), (2,)]}
    stream = ItemStream(epochs.__getitem__, 6)
    expected = [
        Item(0, (0,)), Item(0, (1,)), Item(0, (2,)), Item(1, (2, 1)), Item(1, (0,)), Item(2, (1,)),
    ]  # fmt: skip
    assert list(stream) == expected
    assert list(stream) == expected
    assert len(stream) == 6
