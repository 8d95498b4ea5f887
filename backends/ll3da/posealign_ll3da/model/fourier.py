"""Random Fourier codes of positions (specification section 2.3)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FourierCode"]


class FourierCode(nn.Module):
    """`[sin(2 pi x B), cos(2 pi x B)]` with a random, saved B; it has no gradient.

    Args:
        width: Channels of the code, even.
    """

    gauss_B: Tensor  # noqa: N815 - the published key

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("gauss_B", torch.randn(3, width // 2))

    @torch.no_grad()
    def forward(self, xyz: Tensor) -> Tensor:
        """Codes (..., width) of positions (..., 3), relative to the scene's extent."""
        angles = 2 * math.pi * xyz @ self.gauss_B
        return torch.cat([angles.sin(), angles.cos()], dim=-1)
