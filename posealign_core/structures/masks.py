"""Point masks as run lengths: a few bytes instead of a few hundred thousand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["RunLengthMask"]


@dataclass(frozen=True)
class RunLengthMask:
    """A boolean mask over the N points of a scene, as alternating run lengths.

    Attributes:
        runs: Lengths of the runs, starting with the (possibly empty) run of False.
        size: N.

    Raises:
        ShapeError: A run is negative, or the runs do not add up to `size`.
    """

    runs: tuple[int, ...]
    size: int

    def __post_init__(self) -> None:
        if any(r < 0 for r in self.runs) or sum(self.runs) != self.size:
            raise ShapeError(
                f"run-length mask: wanted runs >= 0 that add up to {self.size}, "
                f"found {len(self.runs)} runs with sum {sum(self.runs)}"
            )

    @classmethod
    def encode(cls, mask: ArrayLike) -> RunLengthMask:
        """Encode a boolean mask (N,)."""
        m = np.asarray(mask, dtype=bool).reshape(-1)
        if len(m) == 0:
            return cls((), 0)
        edges = np.flatnonzero(np.diff(m)) + 1
        bounds = np.concatenate([[0], edges, [len(m)]])
        runs = np.diff(bounds).tolist()
        return cls(tuple([0, *runs] if m[0] else runs), len(m))

    def decode(self) -> NDArray[np.bool_]:
        """The mask as (N,) bool."""
        values = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(values, self.runs)
