from __future__ import annotations

import pytest
from torch import nn

from posealign_core.errors import ConfigError
from posealign_core.training.groups import parameter_groups
from posealign_core.training.settings import TrainSettings


def model() -> nn.ModuleDict:
    return nn.ModuleDict(
        {
            "tower": nn.ModuleDict({"proj": nn.Linear(2, 3), "norm": nn.LayerNorm(3)}),
            "towering": nn.Linear(3, 4),
            "frozen": nn.Linear(4, 5).requires_grad_(False),
        }
    )


def test_vectors_do_not_decay_and_frozen_parameters_are_left_out() -> None:
    groups = parameter_groups(model(), TrainSettings(learning_rate=0.1, weight_decay=0.02))
    assert [(len(g["params"]), g["lr"], g["weight_decay"]) for g in groups] == [
        (2, 0.1, 0.02),
        (4, 0.1, 0.0),
    ]


def test_the_longest_prefix_wins_and_prefixes_end_at_dots() -> None:
    rates = {"tower": 0.2, "tower.norm": 0.3}
    settings = TrainSettings(learning_rate=0.1, module_learning_rates=rates)
    net = model()
    groups = parameter_groups(net, settings)
    rate = {id(p): g["lr"] for g in groups for p in g["params"]}
    by_name = {name: rate.get(id(p)) for name, p in net.named_parameters()}
    assert by_name == {
        "tower.proj.weight": 0.2,
        "tower.proj.bias": 0.2,
        "tower.norm.weight": 0.3,
        "tower.norm.bias": 0.3,
        "towering.weight": 0.1,
        "towering.bias": 0.1,
        "frozen.weight": None,
        "frozen.bias": None,
    }


def test_a_prefix_that_fits_nothing_trained_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"module_learning_rates\.frozen"):
        parameter_groups(model(), TrainSettings(module_learning_rates={"frozen": 0.1}))
