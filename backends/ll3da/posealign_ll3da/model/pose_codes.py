"""What may be added to scene tokens so that they know where they stand (sections 9.4, 9.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_ll3da.model.fourier import FourierCode

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.cloud import Extent

__all__ = ["EgoFeatures", "PoseEmbedding", "TokenPosition"]


@dataclass(frozen=True, kw_only=True, eq=False)
class EgoFeatures:
    """Pose features of B scenes, for embed mode.

    Attributes:
        tokens: (B, K, F) of scene tokens.
        clicks: (B, m, F) of clicks.
    """

    tokens: Tensor
    clicks: Tensor


class PoseEmbedding(nn.Sequential):
    """Linear, GELU, and a Linear that starts at zero, so that it changes nothing untrained.

    Args:
        n_in: Pose features.
        width: Channels of a scene token.
    """

    def __init__(self, n_in: int, width: int) -> None:
        last = nn.Linear(width, width)
        super().__init__(nn.Linear(n_in, width), nn.GELU(), last)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)


class TokenPosition(nn.Module):
    """Fourier codes of a token's place through a Linear that starts at zero.

    They tell its place in metres, which a pose moves, and its place relative to the extent, in
    which answers state boxes, roughly and finely.

    Args:
        width: Channels of a scene token.
    """

    _PERIOD_M = 10.0
    _FINE = 4.0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.code = FourierCode(width)
        self.linear = nn.Linear(3 * width, width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, xyz: Tensor, extent: Extent) -> Tensor:
        """What to add to tokens at (B, K, 3) metres in INPUT, in scenes of an extent."""
        # The random frequencies are about 1 per unit: a room is to be one unit, not many.
        relative = extent.normalise(xyz)
        places = (xyz / self._PERIOD_M, relative, self._FINE * relative)
        added: Tensor = self.linear(torch.cat([self.code(place) for place in places], dim=-1))
        return added
