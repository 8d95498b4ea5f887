"""Batch normalisation that computes in float32 whatever the dtype of the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BatchNorm"]


class BatchNorm(nn.Module):
    """Batch norm over rows (M, C), without a counter of batches (specification section 2.2).

    While its weight is frozen it never changes its running statistics.

    Args:
        n_channels: C.
        frozen: Which statistics it normalises with in training mode while its weight is frozen;
            see `ModelFidelity.batch_norm`.
    """

    eps = 1e-4
    momentum = 0.1
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, n_channels: int, frozen: Fidelity = Fidelity.CORRECT) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_channels))
        self.bias = nn.Parameter(torch.zeros(n_channels))
        self.register_buffer("running_mean", torch.zeros(n_channels))
        self.register_buffer("running_var", torch.ones(n_channels))
        self._batch_statistics_when_frozen = frozen is Fidelity.RELEASED

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (M, C); the result has the dtype of `x`."""
        learns = self.weight.requires_grad
        uses_batch = self.training and (learns or self._batch_statistics_when_frozen)
        wide = torch.promote_types(x.dtype, torch.float32)
        mean = self.running_mean.to(wide, copy=True)
        variance = self.running_var.to(wide, copy=True)
        normalised = nn.functional.batch_norm(
            x.to(wide),
            mean,
            variance,
            self.weight.to(wide),
            self.bias.to(wide),
            training=uses_batch,
            momentum=self.momentum,
            eps=self.eps,
        )
        if uses_batch and learns:
            self.running_mean.copy_(mean)
            self.running_var.copy_(variance)
        return normalised.to(x.dtype)
