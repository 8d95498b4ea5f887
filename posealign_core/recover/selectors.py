"""Rules that choose one of the frames that see the target."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Selector"]


class Selector(abc.ABC):
    """Chooses a frame from the visibility scores of one object.

    Attributes:
        name: Name in configurations and in `EgoPose.selector`.
    """

    name: ClassVar[str]

    @abc.abstractmethod
    def select(self, scores: NDArray[np.float32], rng: np.random.Generator) -> int | None:
        """Choose a row of `scores`.

        Args:
            scores: (V,) visibility of the target in each kept frame, in [0, 1].
            rng: The only source of randomness.

        Returns:
            Index of the frame, or None when no frame sees the target.
        """
