from __future__ import annotations

import copy
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from posealign_core.nn.feature_cache import FeatureCache


@dataclass(frozen=True)
class Features:
    states: tuple[torch.Tensor, ...]


@pytest.fixture
def asked() -> list[int]:
    return []


def getter(cache: FeatureCache[Features], network: nn.Module, asked: list[int]):
    """Asks the cache for inputs by name and notes which ones were computed."""

    def get(*digests: str) -> list[Features]:
        def compute(places: list[int]) -> list[Features]:
            asked.extend(places)
            return [Features((torch.full((4,), float(place)),)) for place in places]

        return cache.get(network, digests, compute)

    return get


def test_each_distinct_input_is_computed_once(asked: list[int]):
    get = getter(FeatureCache(), nn.Linear(2, 2), asked)
    one, two, again = get("a", "b", "a")
    assert asked == [0, 1]
    assert again is one
    assert two is not one
    assert get("b")[0] is two
    assert asked == [0, 1]


def test_changed_weights_are_noticed(asked: list[int]):
    network = nn.Linear(2, 2)
    get = getter(FeatureCache(), network, asked)
    get("a")
    with torch.no_grad():
        network.weight.add_(1.0)
    get("a")
    assert len(asked) == 2


def test_the_budget_drops_what_was_used_longest_ago(asked: list[int]):
    get = getter(FeatureCache(budget_bytes=2 * 16), nn.Linear(2, 2), asked)
    get("a"), get("b"), get("a"), get("c")
    asked.clear()
    get("a"), get("c")
    assert not asked
    get("b")
    assert len(asked) == 1


def test_one_input_is_kept_whatever_its_size(asked: list[int]):
    get = getter(FeatureCache(budget_bytes=1), nn.Linear(2, 2), asked)
    assert get("a")[0] is get("a")[0]


def test_what_came_about_otherwise_takes_the_place_of_the_old(asked: list[int]):
    cache: FeatureCache[Features] = FeatureCache(budget_bytes=32)
    network = nn.Linear(2, 2)
    get = getter(cache, network, asked)
    get("a"), get("b")
    mine = Features((torch.zeros(4),))
    cache.put(network, "a", mine)
    assert get("a")[0] is mine
    get("b")
    assert len(asked) == 2


def test_a_copy_starts_empty(asked: list[int]):
    cache: FeatureCache[Features] = FeatureCache()
    network = nn.Linear(2, 2)
    getter(cache, network, asked)("a")
    getter(copy.deepcopy(cache), network, asked)("a")
    assert len(asked) == 2
