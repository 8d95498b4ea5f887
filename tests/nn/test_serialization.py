"""Curves against tables, their defining properties, and second writings with loops."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import ConfigError, ShapeError
from posealign_core.nn.serialization import (
    CURVES,
    cells_of_hilbert,
    cells_of_z_order,
    curve_codes,
    curve_depth,
    hilbert,
    serialize,
    z_order,
)

# sonata_ptv3 section 6.3: depth, cell, places along the four curves
PLACES = [
    (3, (1, 2, 3), (29, 43, 48, 38)),
    (3, (5, 0, 7), (333, 203, 430, 142)),
    (8, (1, 2, 3), (29, 43, 22, 50)),
    (8, (100, 37, 255), (3642315, 3118029, 2790218, 3725930)),
    (10, (1, 2, 3), (29, 43, 36, 20)),
    (10, (1023, 512, 1), (882002213, 843654291, 556044878, 599186284)),
    (16, (100, 37, 255), (3642315, 3118029, 6929116, 7453404)),
    (
        *(16, (40000, 12345, 65535)),
        (182498683631179, 113210123278925, 234284789754958, 76268035599726),
    ),
]


def every_cell(depth):
    return torch.tensor([*product(range(2**depth), repeat=3)])


def bits_of(cell, depth):
    return [[value >> bit & 1 for bit in reversed(range(depth))] for value in cell]


def loop_z_order(cell, depth):
    columns = zip(*bits_of(cell, depth), strict=True)
    return int("".join(str(bit) for column in columns for bit in column), 2)


def loop_hilbert(cell, depth):
    """Skilling's steps on one cell, bit by bit."""
    x = list(cell)
    for q in range(depth - 1, 0, -1):
        low = 2**q - 1
        for a in range(3):
            if x[a] >> q & 1:
                x[0] ^= low
            else:
                t = (x[0] ^ x[a]) & low
                x[0] ^= t
                x[a] ^= t
    gray = f"{loop_z_order(x, depth):0{3 * depth}b}"
    bits, parity = [], 0
    for bit in gray:
        parity ^= int(bit)
        bits.append(str(parity))
    return int("".join(bits), 2)


@pytest.mark.parametrize(("depth", "cell", "places"), PLACES)
def test_published_places(depth, cell, places):
    cells = torch.tensor([cell])
    assert tuple(curve_codes(cells, curve, depth).item() for curve in CURVES) == places


def test_visiting_orders():
    assert hilbert(every_cell(1), 1).argsort().tolist() == [0, 1, 3, 2, 6, 7, 5, 4]
    first = every_cell(2)[hilbert(every_cell(2), 2).argsort()][:8]
    expected = ["000", "010", "110", "100", "101", "111", "011", "001"]
    assert ["".join(map(str, cell)) for cell in first.tolist()] == expected


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_hilbert_walks_through_every_cell(depth):
    cells = every_cell(depth)
    codes = hilbert(cells, depth)
    assert codes.sort().values.tolist() == [*range(8**depth)]
    path = cells[codes.argsort()]
    assert (path.diff(dim=0).abs().sum(dim=1) == 1).all()
    assert path[0].tolist() == [0, 0, 0]
    assert path[-1].tolist() == [2**depth - 1, 0, 0]


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_hilbert_of_half_the_resolution_is_a_prefix(depth):
    cells = every_cell(depth + 1)
    assert torch.equal(hilbert(cells // 2, depth), hilbert(cells, depth + 1) >> 3)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_an_unused_bit_turns_the_hilbert_axes(depth):
    cells = every_cell(depth)
    assert torch.equal(hilbert(cells, depth + 1), hilbert(cells[:, [2, 0, 1]], depth))


@given(st.data(), st.integers(1, 16))
def test_against_loops_and_back(data, depth):
    cell = data.draw(st.tuples(*[st.integers(0, 2**depth - 1)] * 3))
    cells = torch.tensor([cell])
    assert z_order(cells).item() == loop_z_order(cell, depth)
    assert hilbert(cells, depth).item() == loop_hilbert(cell, depth)
    assert tuple(cells_of_z_order(z_order(cells))[0].tolist()) == cell
    assert tuple(cells_of_hilbert(hilbert(cells, depth), depth)[0].tolist()) == cell


@pytest.mark.parametrize(("largest", "depth"), [(0, 1), (1, 2), (2, 2), (3, 3), (7, 4), (8, 4)])
def test_depth(largest, depth):
    assert curve_depth(torch.tensor([[0, largest, 0]])) == depth


def test_items_stay_apart_and_orders_invert():
    cells = torch.cat([every_cell(2)[::7], every_cell(1)])
    counts = (10, 8)
    found = serialize(cells, counts, CURVES)
    rows = torch.arange(18).expand(4, -1)
    assert torch.equal(found.orders.gather(1, found.positions), rows)
    assert (found.orders[:, :10] < 10).all()
    assert (found.codes.gather(1, found.orders).diff(dim=1) > 0).all()


def test_permutation_moves_rows():
    plain = serialize(every_cell(2), (64,), CURVES)
    moved = serialize(every_cell(2), (64,), CURVES, permutation=[2, 0, 3, 1])
    assert torch.equal(moved.codes, plain.codes[[2, 0, 3, 1]])
    assert torch.equal(moved.positions, plain.positions[[2, 0, 3, 1]])


def test_depth_per_item_frees_an_item_of_its_companions():
    small, large = every_cell(1), every_cell(3)
    alone = serialize(small, (8,), ["hilbert"])
    shared = serialize(torch.cat([small, large]), (8, 512), ["hilbert"])
    own = serialize(torch.cat([small, large]), (8, 512), ["hilbert"], depth_per_item=True)
    assert not torch.equal(shared.orders[:, :8], alone.orders)
    assert torch.equal(own.orders[:, :8], alone.orders)


@pytest.mark.parametrize(
    ("cells", "counts", "message"),
    [
        ([[0, 0, -1]], (1,), "not negative, found -1"),
        ([[0, 0, 65535]], (1,), r"cell 65535 \(depth 17\)"),
        ([[1, 2, 3], [4, 5, 6], [1, 2, 3]], (3,), "found 3 of which only 2 are distinct"),
    ],
)
def test_refuses(cells, counts, message):
    with pytest.raises(ShapeError, match=message):
        serialize(torch.tensor(cells), counts, CURVES)


def test_refuses_a_batch_that_leaves_no_bits():
    """Depth 16 takes 48 of 63 bits, so that 2**15 items are one too many."""
    cells = torch.full((2**15, 3), 40000)
    serialize(cells[1:], [1] * (2**15 - 1), ["z"])
    with pytest.raises(ShapeError, match="batch of 32768"):
        serialize(cells, [1] * 2**15, ["z"])


def test_refuses_an_unknown_curve():
    with pytest.raises(ConfigError, match="found 'peano'"):
        serialize(torch.zeros(1, 3, dtype=torch.int64), (1,), ["peano"])
