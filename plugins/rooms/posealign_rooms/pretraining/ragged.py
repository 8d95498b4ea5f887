"""Rows of different length, one after the other in one tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Ragged"]


@dataclass(frozen=True, eq=False)
class Ragged:
    """R rows of V values in all.

    Attributes:
        values: (V, ...) values.
        lengths: (R,) int64; adds up to V.
    """

    values: Tensor
    lengths: Tensor

    def __post_init__(self) -> None:
        # Once, for `take` is called in every step.
        object.__setattr__(self, "_starts", self.lengths.cumsum(0) - self.lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def starts(self) -> Tensor:
        """(R,) int64 place of each row's first value."""
        starts: Tensor = self._starts  # type: ignore[attr-defined]
        return starts

    @property
    def owners(self) -> Tensor:
        """(V,) int64 row of each value."""
        rows = torch.arange(len(self), device=self.values.device)
        return rows.repeat_interleave(self.lengths, output_size=len(self.values))

    def within(self) -> Tensor:
        """(V,) int64 place of each value in its row."""
        places = torch.arange(len(self.values), device=self.values.device)
        return places - self.starts[self.owners]

    def take(self, rows: Tensor) -> Ragged:
        """Some rows (B,) int64, in that order; they may repeat."""
        lengths = self.lengths[rows]
        size = int(lengths.sum())
        shift = self.starts[rows] - (lengths.cumsum(0) - lengths)
        places = torch.arange(size, device=rows.device)
        places = places + shift.repeat_interleave(lengths, output_size=size)
        return Ragged(self.values[places], lengths)

    def padded(self, fill: float, *, width: int | None = None, left: bool = False) -> Tensor:
        """(R, width, ...) with `fill` behind each row, or before it.

        Args:
            fill: Value of the padding.
            width: The longest row's length where None.
            left: Whether the padding comes first.
        """
        width = int(self.lengths.max()) if width is None else width
        out = self.values.new_full((len(self), width, *self.values.shape[1:]), fill)
        owners, within = self.owners, self.within()
        if left:
            within = within + (width - self.lengths)[owners]
        out[owners, within] = self.values
        return out
