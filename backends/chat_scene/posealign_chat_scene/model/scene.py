"""The objects of a batch of scenes, as the network reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SceneBatch"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneBatch:
    """B scenes of n objects each, empty ones included.

    Attributes:
        points: (B, n, D3) 3-D features, zero where there is none.
        images: (B, n, D2) 2-D features, likewise.
        centers: (B, n, 3) metres, in the frame in which places are told.
        valid: (B, n) bool objects that are there and have a place.
        order: (B, n) int64, the object of each slot.
        ego: (B, n, 6) what relates objects to the camera, or None where the projection has no room
            for it.
    """

    points: Tensor
    images: Tensor
    centers: Tensor
    valid: Tensor
    order: Tensor
    ego: Tensor | None = None
