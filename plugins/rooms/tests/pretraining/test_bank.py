from __future__ import annotations

import numpy as np
import pytest
import torch

from posealign_core.errors import DataError
from posealign_rooms.pretraining import RoomBank, draw_bank, draw_size


def draw(rng: np.random.Generator):
    """One or two looks at a room whose objects are numbers."""
    n = draw_size(rng, 5)
    values = rng.integers(100, size=n).astype(np.int16)
    row = {"values": values, "n_objects": np.array(n, dtype=np.uint8)}
    return [row] * int(rng.integers(1, 3))


def refuse(rng: np.random.Generator):
    raise DataError("no room today")


def test_a_bank_holds_the_rows_that_were_drawn(tmp_path):
    draw_bank(tmp_path / "bank.npz", draw, n_draws=1, seed=7, jobs=1)
    rows = [row for i in range(100) for row in draw(np.random.default_rng((7, i)))]
    bank = RoomBank.load(tmp_path / "bank.npz", "cpu")
    assert len(bank) == len(rows)
    other = draw(np.random.default_rng((8, 0)))
    assert not np.array_equal(other[0]["values"], rows[0]["values"])
    stored = bank.rows_of(torch.tensor([5, 2]))
    assert stored["values"].values.tolist() == [*rows[5]["values"], *rows[2]["values"]]
    assert stored["n_objects"].values.tolist() == [len(rows[5]["values"]), len(rows[2]["values"])]


def test_rooms_are_chosen_by_their_size():
    rows = [{"n_objects": np.array(n)} for n in (4, 2, 3, 2)]
    bank = RoomBank.of_rows(rows)
    generator = torch.Generator().manual_seed(0)
    for largest, expected in ((2, {1, 3}), (3, {1, 2, 3}), (9, {0, 1, 2, 3})):
        assert set(bank.choose(100, largest, generator).tolist()) == expected


def test_a_room_that_cannot_be_drawn_says_why(tmp_path):
    with pytest.raises(DataError, match="no room today"):
        draw_bank(tmp_path / "bank.npz", refuse, n_draws=1, seed=0, jobs=1)
    assert not list(tmp_path.iterdir())


def test_large_rooms_are_more_frequent():
    rng = np.random.default_rng(0)
    counts = np.bincount([draw_size(rng, 4) for _ in range(900)], minlength=5)
    np.testing.assert_allclose(counts[2:], [200, 300, 400], atol=60)
