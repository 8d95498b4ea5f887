from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from posealign_rooms.pretraining import Ragged

LENGTHS = st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any)


def ragged(lengths: list[int]) -> tuple[Ragged, list[torch.Tensor]]:
    values = torch.arange(sum(lengths) * 2).view(-1, 2) + 1
    return Ragged(values, torch.tensor(lengths)), list(values.split(lengths))


@given(LENGTHS, st.data())
def test_taken_rows_are_the_rows(lengths: list[int], data: st.DataObject):
    whole, rows = ragged(lengths)
    picked = data.draw(st.lists(st.integers(0, len(lengths) - 1), min_size=1, max_size=8))
    taken = whole.take(torch.tensor(picked))
    assert taken.values.equal(torch.cat([rows[i] for i in picked]))
    assert taken.lengths.tolist() == [lengths[i] for i in picked]


@given(LENGTHS, st.booleans())
def test_padding_surrounds_the_rows(lengths: list[int], left: bool):
    whole, rows = ragged(lengths)
    padded = whole.padded(-1, left=left)
    assert padded.shape == (len(lengths), max(lengths), 2)
    for row, own in zip(padded, rows, strict=True):
        n = len(own)
        inside = row[len(row) - n :] if left else row[:n]
        assert inside.equal(own)
        assert int((row == -1).all(dim=1).sum()) == len(row) - n


def test_owners_and_places():
    whole, _ = ragged([2, 0, 3])
    assert whole.owners.tolist() == [0, 0, 2, 2, 2]
    assert whole.within().tolist() == [0, 1, 0, 1, 2]
    assert whole.starts.tolist() == [0, 2, 2]
