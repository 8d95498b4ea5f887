from __future__ import annotations

import pytest
import torch
from learning_toy import ToyBackbone, ToyConfig
from peft.tuners.lora import LoraLayer

from posealign_core.backbone import Trainable
from posealign_core.errors import BackboneError
from posealign_core.training.lora import (
    folded_adapters,
    has_adapters,
    in_float32,
    select_trainable,
)
from posealign_core.training.settings import TrainSettings

SETTINGS = TrainSettings(lora_rank=4)


class Recipe(ToyBackbone):
    def __init__(self, lora_targets: tuple[str, ...], full_modules: tuple[str, ...]) -> None:
        super().__init__(ToyConfig())
        self.recipe = Trainable(lora_targets=lora_targets, full_modules=full_modules)

    def trainable(self) -> Trainable:
        return self.recipe


def trained_names(backbone: ToyBackbone) -> set[str]:
    return {name for name, p in backbone.named_parameters() if p.requires_grad}


def test_exactly_the_recipe_trains() -> None:
    backbone = ToyBackbone(ToyConfig())
    select_trainable(backbone, SETTINGS)
    layers = [
        f"llm.layers.{i}.{linear}.lora_{side}.default.weight"
        for i in range(2)
        for linear in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj")
        for side in "AB"
    ]
    # The head is tied to the embedding, whose name comes first.
    whole = ["objects.weight", "objects.bias", "llm.norm.weight", "llm.embed_tokens.weight"]
    assert trained_names(backbone) == {*layers, *whole}


def test_adapters_change_nothing_before_training() -> None:
    backbone = ToyBackbone(ToyConfig()).eval()
    batch = {
        "objects": torch.randn(2, 2, 4),
        "words": torch.randint(1, 9, (2, 5)),
        "labels": torch.randint(1, 9, (2, 5)),
    }
    before = backbone(batch).loss
    select_trainable(backbone, SETTINGS)
    assert torch.equal(backbone(batch).loss, before)


def test_linears_inside_whole_modules_get_no_adapter() -> None:
    backbone = Recipe(("q_proj",), ("llm.layers.1",))
    select_trainable(backbone, SETTINGS)
    assert not [name for name in trained_names(backbone) if "layers.1" in name and "lora" in name]
    assert "llm.layers.1.self_attn.q_proj.weight" in trained_names(backbone)
    assert "llm.layers.0.self_attn.q_proj.lora_A.default.weight" in trained_names(backbone)


def test_a_recipe_without_lora() -> None:
    backbone = Recipe((), ("objects",))
    select_trainable(backbone, SETTINGS)
    assert not has_adapters(backbone)
    assert trained_names(backbone) == {"objects.weight", "objects.bias"}


def test_adapters_that_are_there_are_trained_further() -> None:
    backbone = ToyBackbone(ToyConfig())
    select_trainable(backbone, SETTINGS)
    names = trained_names(backbone)
    backbone.requires_grad_(False)
    select_trainable(backbone, TrainSettings(lora_rank=2))
    assert trained_names(backbone) == names


@pytest.mark.parametrize(
    ("lora_targets", "full_modules", "named"),
    [
        (("q_proj", "qkv"), ("objects",), "'qkv'"),
        (("norm",), (), "'norm'"),
        (("q_proj",), ("llm",), "'q_proj'"),
        (("q_proj",), ("objects", "obj"), "'obj'"),
    ],
)
def test_names_that_fit_nothing_are_errors(
    lora_targets: tuple[str, ...], full_modules: tuple[str, ...], named: str
) -> None:
    with pytest.raises(BackboneError, match=named):
        select_trainable(Recipe(lora_targets, full_modules), SETTINGS)


def test_what_trains_is_float32_for_a_while() -> None:
    backbone = ToyBackbone(ToyConfig()).to(torch.bfloat16)
    select_trainable(backbone, SETTINGS)
    with in_float32(backbone):
        assert {p.dtype for p in backbone.parameters() if p.requires_grad} == {torch.float32}
        assert {p.dtype for p in backbone.parameters() if not p.requires_grad} == {torch.bfloat16}
    assert {p.dtype for p in backbone.parameters()} == {torch.bfloat16}


def test_folded_adapters_answer_as_before_and_leave_no_trace() -> None:
    backbone = ToyBackbone(ToyConfig())
    select_trainable(backbone, TrainSettings())
    layers = [module for module in backbone.modules() if isinstance(module, LoraLayer)]
    torch.manual_seed(0)
    for name, parameter in backbone.named_parameters():
        if ".lora_" in name:
            torch.nn.init.normal_(parameter)
    backbone.eval()
    before = {name: tensor.clone() for name, tensor in backbone.state_dict().items()}
    asked = [torch.randn(3, layer.in_features) for layer in layers]
    apart = [layer(x) for layer, x in zip(layers, asked, strict=True)]
    with folded_adapters(backbone):
        assert layers
        assert all(layer.merged for layer in layers)
        for layer, x, wanted in zip(layers, asked, apart, strict=True):
            torch.testing.assert_close(layer(x), wanted, rtol=1e-4, atol=1e-4)
    assert not any(layer.merged for layer in layers)
    after = backbone.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_adapters_in_half_precision_stay_apart() -> None:
    backbone = ToyBackbone(ToyConfig())
    select_trainable(backbone, TrainSettings())
    backbone.to(torch.bfloat16)
    with folded_adapters(backbone):
        assert not any(m.merged for m in backbone.modules() if isinstance(m, LoraLayer))
