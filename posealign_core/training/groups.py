"""Which parameters get which learning rate and weight decay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posealign_core.errors import ConfigError
from posealign_core.training.lora import is_under

if TYPE_CHECKING:
    from torch import nn

    from posealign_core.training.settings import TrainSettings

__all__ = ["parameter_groups"]


def parameter_groups(model: nn.Module, settings: TrainSettings) -> list[dict[str, Any]]:
    """Group the trained parameters of a model for an optimiser.

    Args:
        model: Parameters that need no gradient are left out.
        settings: Learning rates by prefix, and the decay of matrices.

    Returns:
        Groups with `params`, `lr` and `weight_decay`, in the order of their first parameters.

    Raises:
        ConfigError: A prefix of `module_learning_rates` fits no trained parameter.
    """
    rates = settings.module_learning_rates
    unused = set(rates)
    groups: dict[tuple[str, bool], dict[str, Any]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        prefixes = [prefix for prefix in rates if is_under(name, [prefix])]
        unused -= set(prefixes)
        prefix, decays = max(prefixes, key=len, default=""), parameter.ndim > 1
        group = groups.setdefault(
            (prefix, decays),
            {
                "params": [],
                "lr": rates.get(prefix, settings.learning_rate),
                "weight_decay": settings.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(parameter)
    if unused:
        raise ConfigError(
            [f"module_learning_rates.{prefix}: fits no trained parameter" for prefix in unused],
            source="training settings",
        )
    return list(groups.values())
