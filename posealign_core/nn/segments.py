"""Reductions over groups of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["segment_mean"]


def segment_mean(values: Tensor, segments: Tensor, n_segments: int) -> Tensor:
    """Average the rows of each segment, in float32 or wider.

    Args:
        values: (N, C) of any floating dtype.
        segments: (N,) int64 in [0, n_segments), in any order.
        n_segments: S.

    Returns:
        (S, C) float32, or float64 for float64 values; a segment without rows is zero.
    """
    wide = torch.promote_types(values.dtype, torch.float32)
    sums = values.new_zeros(n_segments, values.shape[1], dtype=wide)
    sums = sums.index_add(0, segments, values.to(wide))
    return sums / segments.bincount(minlength=n_segments).clamp(min=1)[:, None]
