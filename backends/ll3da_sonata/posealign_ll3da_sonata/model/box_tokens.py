"""What a box prompt is without a detector: the tokens inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.scene import SceneFeatures

__all__ = ["box_tokens"]

_NEIGHBOURS = [1, 2, 4]
"""Corners that share an edge with the first one, along the box's three axes."""
_LEAST_EDGE_M2 = 1e-12


def box_tokens(scenes: SceneFeatures, corners: Tensor) -> Tensor:
    """Mean of the tokens inside each box, however it is turned; the nearest one where none is.

    Args:
        scenes: Q scenes.
        corners: (Q, n, 8, 3) metres, in the order of `corners_from_aabb`.

    Returns:
        (Q, n, C).
    """
    if corners.shape[1] == 0:
        return scenes.tokens[:, :0]
    inside = _inside(scenes.xyz, corners)
    gaps = torch.cdist(corners.mean(dim=2), scenes.xyz)
    if scenes.valid is not None:
        inside = inside & scenes.valid[:, None]
        gaps = gaps.masked_fill(~scenes.valid[:, None], torch.inf)
    nearest = torch.zeros_like(inside).scatter(2, gaps.argmin(dim=2, keepdim=True), value=True)
    weights = torch.where(inside.any(dim=2, keepdim=True), inside, nearest).to(scenes.tokens.dtype)
    return weights @ scenes.tokens / weights.sum(dim=2, keepdim=True)


def _inside(xyz: Tensor, corners: Tensor) -> Tensor:
    """(Q, n, K) bool: points in boxes; a box without volume holds none."""
    origin = corners[:, :, :1]
    edges = corners[:, :, _NEIGHBOURS] - origin
    squares = (edges**2).sum(dim=3)
    along = torch.einsum("qnkc,qnec->qnke", xyz[:, None] - origin, edges)
    places = along / squares.clamp(min=_LEAST_EDGE_M2)[:, :, None]
    has_volume = (squares > _LEAST_EDGE_M2).all(dim=2)
    return ((places >= 0) & (places <= 1)).all(dim=3) & has_volume[..., None]
