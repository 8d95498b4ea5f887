"""Which parameters of a backbone train: adapters on its linears, whole modules, nothing else."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import nn

from posealign_core.errors import BackboneError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posealign_core.backbone import Backbone
    from posealign_core.training.settings import TrainSettings

__all__ = [
    "add_adapters",
    "fold_adapters",
    "folded_adapters",
    "has_adapters",
    "in_float32",
    "is_under",
    "lora_config",
    "select_trainable",
]


def is_under(name: str, prefixes: Sequence[str]) -> bool:
    """Whether a dotted name is one of the prefixes, or lies below one."""
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def has_adapters(model: nn.Module) -> bool:
    """Whether LoRA adapters have been put into a backbone, or a part of one."""
    return any(isinstance(module, LoraLayer) for module in model.modules())


def fold_adapters(model: nn.Module) -> None:
    """Add adapters to the weights that they adapt, in place; the model answers as before."""
    for module in model.modules():
        if isinstance(module, LoraLayer) and not module.merged:
            module.merge()


def lora_config(backbone: Backbone, settings: TrainSettings) -> LoraConfig:
    """Describe the adapters of a backbone that has none yet.

    Linears inside fully trained modules get none, even where their names fit.

    Raises:
        BackboneError: A wanted name fits no linear layer.
    """
    trainable = backbone.trainable()
    linears = [name for name, module in backbone.named_modules() if isinstance(module, nn.Linear)]
    fitting = {
        target: [name for name in linears if name == target or name.endswith("." + target)]
        for target in trainable.lora_targets
    }
    kept_out = [
        n for names in fitting.values() for n in names if is_under(n, trainable.full_modules)
    ]
    unused = [target for target, names in fitting.items() if not set(names) - set(kept_out)]
    if unused:
        raise BackboneError(
            f"{type(backbone).__name__}: wanted LoRA on {', '.join(map(repr, unused))}, found no "
            "linear layer of that name outside the fully trained modules; mend trainable()"
        )
    return LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        lora_dropout=settings.lora_dropout,
        target_modules=list(trainable.lora_targets),
        exclude_modules="|".join(map(re.escape, kept_out)) or None,
    )


def add_adapters(backbone: Backbone, config: LoraConfig) -> None:
    """Put adapters into a backbone, in place; everything but the adapters is frozen."""
    inject_adapter_in_model(config, backbone)
    backbone.train(backbone.training)  # new modules start in training mode, with dropout


def select_trainable(backbone: Backbone, settings: TrainSettings) -> None:
    """Freeze a backbone except for what its recipe trains, adding adapters where they are missing.

    Adapters that a loaded checkpoint brought along are trained further.

    Raises:
        BackboneError: A name of the recipe fits nothing.
    """
    trainable = backbone.trainable()
    backbone.requires_grad_(False)
    if trainable.lora_targets and not has_adapters(backbone):
        add_adapters(backbone, lora_config(backbone, settings))
    unused = set(trainable.full_modules)
    for name, parameter in backbone.named_parameters(remove_duplicate=False):
        prefixes = {prefix for prefix in trainable.full_modules if is_under(name, [prefix])}
        unused -= prefixes
        if prefixes or _is_adapter(name):
            parameter.requires_grad_(True)
    if unused:
        raise BackboneError(
            f"{type(backbone).__name__}: wanted to train {', '.join(map(repr, sorted(unused)))} "
            "whole, found no parameter under that name; mend trainable()"
        )


def _is_adapter(name: str) -> bool:
    return ".lora_" in name


@contextmanager
def folded_adapters(backbone: Backbone) -> Iterator[None]:
    """Add adapters to the weights that they adapt while a block runs, on a CPU in float32.

    Small products cost most there, and the sum loses nothing; elsewhere adapters stay apart.
    """
    kept: list[tuple[LoraLayer, nn.Parameter, torch.Tensor]] = []
    for module in backbone.modules():
        if isinstance(module, LoraLayer) and not module.merged:
            weight = module.get_base_layer().get_parameter("weight")
            if weight.device.type == "cpu" and weight.dtype == torch.float32:
                kept.append((module, weight, weight.detach().clone()))
    try:
        for layer, *_ in kept:
            layer.merge()
        yield
    finally:
        for layer, weight, before in kept:
            layer.unmerge()
            weight.data.copy_(before)  # what is taken off again is rounded


@contextmanager
def in_float32(backbone: Backbone) -> Iterator[None]:
    """Keep what trains in float32 while a block runs, as mixed precision wants it.

    Small updates vanish when they are added to bfloat16 weights.
    """
    trained = [p for p in backbone.parameters() if p.requires_grad]
    dtypes = [p.dtype for p in trained]
    try:
        for parameter in trained:
            parameter.data = parameter.data.to(torch.float32)
        yield
    finally:
        for parameter, dtype in zip(trained, dtypes, strict=True):
            parameter.data = parameter.data.to(dtype)
