"""Places as waves (specification 3.6 and 9.5)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_chat_scene.model.config import NetworkConfig

__all__ = ["FourierFeatures", "axis_waves", "unit_places"]

_FLOOR = 1e-7
_TEMPERATURE = 10_000.0


def unit_places(centers: Tensor, valid: Tensor, config: NetworkConfig) -> Tensor:
    """Bring places into the unit cube, as the channel says.

    Args:
        centers: (B, n, 3) metres.
        valid: (B, n) bool objects that are there; the others bound nothing.
        config: Channel and bound.

    Returns:
        (B, n, 3) in [0, 1] where valid.
    """
    if config.channel == "fourier_metric":
        bound = config.metric_bound_m
        return (centers.clamp(-bound, bound) + bound) / (2 * bound)
    low = centers.masked_fill(~valid[..., None], math.inf).amin(1, keepdim=True)
    high = centers.masked_fill(~valid[..., None], -math.inf).amax(1, keepdim=True)
    places = (centers - low) / (high - low + _FLOOR)
    return places.masked_fill(~valid[..., None], 0.0)


class FourierFeatures(nn.Module):
    """Sine and cosine of places along random directions.

    Args:
        n_waves: How many.
    """

    gauss_B: Tensor  # noqa: N815 - the published name

    def __init__(self, n_waves: int) -> None:
        super().__init__()
        self.register_buffer("gauss_B", torch.randn(3, n_waves))

    def forward(self, places: Tensor) -> Tensor:
        """(..., 2 n) of places (..., 3) in the unit cube."""
        angles = 2 * math.pi * places @ self.gauss_B
        return torch.cat([angles.sin(), angles.cos()], dim=-1)


def axis_waves(centers: Tensor, n_waves: int) -> Tensor:
    """Sine and cosine of each coordinate, at wavelengths from 2 pi metres up.

    Args:
        centers: (..., 3) metres.
        n_waves: Waves of all axes together; the first axes have one more where 3 does not divide
            them.

    Returns:
        (..., 2 n_waves), axis by axis its sines, then its cosines.
    """
    parts = []
    for axis in range(3):
        n = len(range(axis, n_waves, 3))
        steps = torch.arange(n, device=centers.device) / max(n, 1)
        angles = centers[..., axis, None] * _TEMPERATURE**-steps
        parts += [angles.sin(), angles.cos()]
    return torch.cat(parts, dim=-1)
