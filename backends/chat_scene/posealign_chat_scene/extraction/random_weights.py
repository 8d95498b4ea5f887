"""Random but fixed weights, under which an untrained encoder keeps what it is shown."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["random_weights"]

M = TypeVar("M", bound=nn.Module)


@torch.no_grad()
def random_weights(model: M, seed: int) -> M:
    """Draw every matrix of a model so that signals keep their size from layer to layer.

    Each tensor has a generator of its own, seeded by its name: the same on every machine, and
    whatever the order in which modules are made.

    Returns:
        The model itself, frozen and in evaluation mode.
    """
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.copy_(_drawn(name, parameter, seed))
        elif name.endswith("bias"):
            parameter.zero_()
    return model.eval().requires_grad_(False)


def _drawn(name: str, parameter: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {name}".encode()))
    fan_in = parameter[0].numel()
    gain = 1.0 if name.endswith(("token", "pos", "pos_embed")) else fan_in**-0.5
    return torch.randn(parameter.shape, generator=generator) * gain
