"""Batches of token sequences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["TokenBatch"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenBatch:
    """B sequences, padded on the right.

    Attributes:
        ids: (B, L) int64.
        mask: (B, L) bool, False on padding.
    """

    ids: Tensor
    mask: Tensor

    def __post_init__(self) -> None:
        if self.ids.shape != self.mask.shape or self.ids.ndim != 2:
            raise ShapeError(
                f"tokens: wanted ids and mask (B, L), found {tuple(self.ids.shape)} and "
                f"{tuple(self.mask.shape)}"
            )
        if (self.mask[:, 1:] & ~self.mask[:, :-1]).any():
            raise ShapeError("tokens: wanted padding on the right, found a token behind padding")
