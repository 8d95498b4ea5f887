"""Axis-aligned boxes as tensors: corners, ranges and overlap (specification sections 2.7, 3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Ranges", "corners_of", "overlaps", "to_camera_axes", "to_scene_axes"]

_X = (1, 1, -1, -1, 1, 1, -1, -1)
_Y = (1, -1, -1, 1, 1, -1, -1, 1)
_Z = (-1, -1, -1, -1, 1, 1, 1, 1)


def corners_of(centers: Tensor, sizes: Tensor) -> Tensor:
    """Corners (..., 8, 3) of boxes (..., 3), (..., 3), in the release's order, z-up axes."""
    signs = torch.tensor([_X, _Y, _Z], dtype=centers.dtype, device=centers.device).T
    return centers[..., None, :] + signs * sizes[..., None, :] / 2


def to_camera_axes(xyz: Tensor) -> Tensor:
    """Coordinates (..., 3) in the axes of the release's corner tensors: x, -z, y."""
    x, y, z = xyz.unbind(-1)
    return torch.stack([x, -z, y], dim=-1)


def to_scene_axes(xyz: Tensor) -> Tensor:
    """The inverse of `to_camera_axes`."""
    x, y, z = xyz.unbind(-1)
    return torch.stack([x, z, -y], dim=-1)


class Ranges(NamedTuple):
    """Boxes by their ends.

    Attributes:
        low: (..., 3).
        high: (..., 3).
    """

    low: Tensor
    high: Tensor

    @classmethod
    def of_corners(cls, corners: Tensor) -> Ranges:
        """The smallest axis-aligned boxes around corners (..., 8, 3)."""
        return cls(corners.amin(dim=-2), corners.amax(dim=-2))

    @property
    def volume(self) -> Tensor:
        """(...) cubic metres."""
        return (self.high - self.low).prod(dim=-1)


def overlaps(a: Ranges, b: Ranges, epsilon: float) -> Tensor:
    """Intersection over union (B, n, m) of boxes (B, n) and (B, m).

    Args:
        a: n boxes per item.
        b: m boxes per item.
        epsilon: Added to the union, cubic metres.
    """
    low = torch.maximum(a.low[..., :, None, :], b.low[..., None, :, :])
    high = torch.minimum(a.high[..., :, None, :], b.high[..., None, :, :])
    common = (high - low).clamp(min=0).prod(dim=-1)
    union = a.volume[..., :, None] + b.volume[..., None, :] - common
    return common / (union + epsilon)
