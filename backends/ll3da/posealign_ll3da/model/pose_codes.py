"""What may be added to scene tokens so that they know where they stand (sections 9.4, 9.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from posealign_ll3da.model.fourier import FourierCode

if TYPE_CHECKING:
    from torch import Tensor

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
    """A Fourier code of a token's place in metres, through a Linear that starts at zero.

    Args:
        width: Channels of a scene token.
    """

    _PERIOD_M = 10.0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.code = FourierCode(width)
        self.linear = nn.Linear(width, width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, xyz: Tensor) -> Tensor:
        """What to add to tokens at (B, K, 3) metres in INPUT."""
        # The random frequencies are about 1 per unit: a room is to be one unit, not many.
        added: Tensor = self.linear(self.code(xyz / self._PERIOD_M))
        return added
