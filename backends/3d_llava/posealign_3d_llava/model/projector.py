"""From tower tokens to the language model's embeddings (specification sections 4.1 and 5.5)."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

__all__ = ["Projector", "widen_projector"]


class Projector(nn.Sequential):
    """Linear, exact GELU, Linear.

    Args:
        n_in: Channels of a token, pose features included.
        n_out: Hidden channels of the language model.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(nn.Linear(n_in, n_out), nn.GELU(), nn.Linear(n_out, n_out))

    @property
    def n_in(self) -> int:
        """Channels that it takes."""
        return self.linears[0].in_features

    @property
    def linears(self) -> tuple[nn.Linear, nn.Linear]:
        """The two layers with weights."""
        first, _, second = self
        return cast("nn.Linear", first), cast("nn.Linear", second)


def widen_projector(projector: Projector, n_extra: int) -> Projector:
    """Make room for pose features after the channels of a token.

    Args:
        projector: A trained projector; it is left as it is.
        n_extra: Channels to add; their columns get the default initialisation.
    """
    first, second = projector.linears
    wide = Projector(first.in_features + n_extra, first.out_features).to(first.weight)
    wide_first, wide_second = wide.linears
    with torch.no_grad():
        wide_first.weight[:, : first.in_features] = first.weight
        wide_first.bias.copy_(first.bias)
    wide_second.load_state_dict(second.state_dict())
    return wide
