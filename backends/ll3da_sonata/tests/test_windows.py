"""Which places attend to each other, against the released index tables (section 8.3)."""

from __future__ import annotations

import pytest
import torch

from posealign_ll3da_sonata.ptv3.windows import make_windows

CPU = torch.device("cpu")


def windows_of(counts, size):
    """Each place's window, as the place whose output is read sees it."""
    windows = make_windows(counts, size, CPU)
    rows = [row for table in windows.tables for row in table.tolist() for _ in row]
    places = torch.cat([table.flatten() for table in windows.tables])
    n = sum(counts)
    assert places[windows.slots].tolist() == [*range(n)]
    return [frozenset(rows[slot]) for slot in windows.slots.tolist()]


def spans(*bounds):
    """[(first kept, last kept, first seen), ...] up to and without the last: a set per place."""
    return [frozenset(range(seen, end)) for kept, end, seen in bounds for _ in range(kept, end)]


@pytest.mark.parametrize(
    ("offsets", "n_padded", "expected"),
    [
        ((10, 13), 15, spans((0, 4, 0), (4, 8, 4), (8, 10, 6), (10, 13, 10))),
        ((8, 12), 12, spans((0, 4, 0), (4, 8, 4), (8, 12, 8))),
        ((5,), 8, spans((0, 4, 0), (4, 5, 1))),
        (
            *((9, 10, 21), 25),
            spans(
                *((0, 4, 0), (4, 8, 4), (8, 9, 5), (9, 10, 9)),
                *((10, 14, 10), (14, 18, 14), (18, 21, 17)),
            ),
        ),
    ],
)
def test_released_tables(offsets, n_padded, expected):
    counts = [end - start for start, end in zip((0, *offsets), offsets, strict=False)]
    assert windows_of(counts, 4) == expected
    tables = make_windows(counts, 4, CPU).tables
    assert sum(table.numel() for table in tables) == n_padded


@pytest.mark.parametrize("n", [1, 4, 5, 6, 10, 11])
def test_last_window_sees_the_last_places(n):
    size = 5
    found = windows_of([n], size)
    for place, window in enumerate(found):
        last = place // size == (n - 1) // size
        start = max(n - size, 0) if last else place // size * size
        assert window == frozenset(range(start, min(start + size, n)))


def test_one_table_per_length():
    tables = make_windows([3, 9, 3, 4, 1], 4, CPU).tables
    assert [tuple(table.shape) for table in tables] == [(2, 3), (4, 4), (1, 1)]
