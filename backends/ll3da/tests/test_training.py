from __future__ import annotations

import pytest
from torch import nn

from posealign_core.training.lora import select_trainable
from posealign_core.training.settings import TrainSettings
from posealign_ll3da.backbone import Ll3daBackbone
from posealign_ll3da.training.trainer import Ll3daTrainer, released_factor

from .samples import tiny

GENERALIST = TrainSettings(
    learning_rate=1e-4, final_learning_rate_ratio=0.01, warmup_ratio=1 / 32, epochs=32
)


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 1e-6), (0.5, 5.05e-5), (1, 1e-4), (16, 5.05e-5), (32, 1e-6)]
)
def test_rates_of_the_specification(epoch: float, rate: float):
    step = round(epoch * 1000)
    found = GENERALIST.learning_rate * released_factor(step, 32_000, GENERALIST)
    assert found == pytest.approx(rate, rel=1e-9)


def test_a_constant_rate_is_constant():
    tune = TrainSettings(learning_rate=1e-6, final_learning_rate_ratio=1.0, warmup_ratio=0.0)
    assert [released_factor(s, 10, tune) for s in range(11)] == pytest.approx([1.0] * 11)


@pytest.mark.parametrize(("recipe", "decays"), [("released", {0.1}), ("correct", {0.0, 0.1})])
def test_what_decays(recipe: str, decays: set[float]):
    backbone = Ll3daBackbone(tiny(recipe=recipe))
    settings = TrainSettings(weight_decay=0.1)
    select_trainable(backbone, settings)
    trainer = Ll3daTrainer.__new__(Ll3daTrainer)
    trainer.backbone, trainer.settings = backbone, settings
    assert {group["weight_decay"] for group in trainer.parameter_groups()} == decays


def test_frozen_parts_evaluate_while_the_rest_trains():
    backbone = Ll3daBackbone(tiny(lora=False))
    select_trainable(backbone, TrainSettings())
    backbone.train()
    assert not backbone.network.detector.training
    assert not backbone.network.captioner.transformer.training
    assert backbone.network.captioner.qformer.training
    assert any(isinstance(m, nn.Dropout) and m.training for m in backbone.modules())
