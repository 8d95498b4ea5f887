"""What the captioner knows of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.cloud import Extent

__all__ = ["SceneFeatures"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneFeatures:
    """Tokens of B scenes.

    Attributes:
        tokens: (B, K, C), not negative.
        xyz: (B, K, 3) where they are, metres in INPUT.
        extent: What clicks are normalised with.
        valid: (B, K) bool, or None where all tokens are.
    """

    tokens: Tensor
    xyz: Tensor
    extent: Extent
    valid: Tensor | None = None

    def of_scenes(self, index: Tensor) -> SceneFeatures:
        """The features of scenes `index` (P,), for several prompts about one scene."""
        return SceneFeatures(
            tokens=self.tokens[index],
            xyz=self.xyz[index],
            extent=self.extent.of_scenes(index),
            valid=None if self.valid is None else self.valid[index],
        )
