"""Features are opaque; comparing them must still see every difference, and only differences."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from posealign_core.errors import ConformanceError
from posealign_core.testing.compare import changed_entries, common_entries, differences, flatten
from posealign_core.testing.toy_scenes import pose_towards
from posealign_core.vocabulary import AlignMode


class Cloud:
    """As `torch_geometric.data.Data` in what matters here, and quicker to import."""

    def to_dict(self):
        return {"x": torch.ones(3, 2), "pos": torch.zeros(3, 3)}


class Pair(NamedTuple):
    left: int
    right: str


def test_flatten_names_every_part():
    value = {"a": torch.ones(2), "b": [1, {"c": None}], "d": Pair(3, "x"), "e": AlignMode.EMBED}
    leaves = flatten(value)
    assert leaves.keys() == {"a", "b.0", "b.1.c", "d.0", "d.1", "e"}
    assert leaves["e"] == "embed"


def test_flatten_opens_dataclasses_and_clouds():
    assert "reference_from_camera.matrix" in flatten(pose_towards(0.0))
    assert flatten(Cloud()).keys() == {"x", "pos"}


@pytest.mark.parametrize("odd", [object(), lambda: 0, torch.nn.Linear(1, 1)])
def test_flatten_refuses_what_no_worker_could_send(odd):
    with pytest.raises(ConformanceError, match=r"features hold 'a\.0' of type"):
        flatten({"a": [odd]})


EQUAL = [
    (torch.tensor([1.0]), torch.tensor([1.0 + 5e-5])),
    (np.array([np.nan, 1.0]), np.array([np.nan, 1.0])),
    ({"x": "same"}, {"x": "same"}),
    (torch.tensor([1, 2]), np.array([1, 2])),
]
UNEQUAL = [
    (torch.tensor([1.0]), torch.tensor([1.001])),
    (torch.tensor([1]), torch.tensor([2])),
    (torch.ones(2), torch.ones(3)),
    (np.array([np.nan]), np.array([0.0])),
    ({"x": "one"}, {"x": "other"}),
    ({"x": None}, {"x": 0}),
    ({"x": 1}, {"x": 1, "y": 1}),
    ({"x": torch.ones(1)}, {"x": "1"}),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal(a, b):
    assert differences(a, b) == []
    assert changed_entries(a, b) == {}


@pytest.mark.parametrize(("a", "b"), UNEQUAL)
def test_unequal(a, b):
    assert differences(a, b)
    assert changed_entries(a, b)


def test_changed_entries_mark_what_changed():
    before = {"places": torch.tensor([[0.0, 1.0], [2.0, 3.0]]), "words": torch.tensor([5, 6])}
    after = {"places": torch.tensor([[0.0, 9.0], [2.0, 3.0]]), "words": torch.tensor([5, 6])}
    changed = changed_entries(before, after)
    assert changed.keys() == {"places"}
    assert changed["places"].tolist() == [[False, True], [False, False]]


def test_common_entries_need_the_same_entry():
    one = {"x": np.array([True, False])}
    assert common_entries(one, {"x": np.array([False, True])}) == []
    assert common_entries(one, {"x": np.array([True, True])}) == ["x"]
    assert common_entries(one, {"y": np.array([True, True])}) == []


def test_a_part_that_changed_its_shape_counts_whole():
    changed = changed_entries({"x": torch.ones(2)}, {"x": torch.ones(3)})
    assert common_entries(changed, {"x": np.array([False, True])}) == ["x"]
