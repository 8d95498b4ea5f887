"""Features of sampled and of grouped points, with gradients (ll3da section 10.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["gather_points", "group_points"]


def gather_points(features: Tensor, indices: Tensor) -> Tensor:
    """Take `out[b, c, j] = features[b, c, indices[b, j]]`.

    Args:
        features: (B, C, N).
        indices: (B, M) int64.

    Returns:
        (B, C, M). The gradient adds up where a point is taken several times.
    """
    return torch.gather(features, 2, indices[:, None].expand(-1, features.shape[1], -1))


def group_points(features: Tensor, indices: Tensor) -> Tensor:
    """Take `out[b, c, j, s] = features[b, c, indices[b, j, s]]`.

    Args:
        features: (B, C, N).
        indices: (B, M, S) int64.

    Returns:
        (B, C, M, S).
    """
    flat = gather_points(features, indices.flatten(1))
    return flat.view(*features.shape[:2], *indices.shape[1:])
