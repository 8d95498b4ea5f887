"""From an object's place in a frame to the encoder's patches, and their mean (spec 2.4)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from posealign_chat_scene.extraction.frames import HEIGHT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from posealign_chat_scene.extraction.views import ObjectView

__all__ = ["GRID", "SIDE", "ImageFit", "fit_image", "fused_features", "patch_window"]

SIDE = 224
"""Side of the encoder's images, pixels."""
GRID = 16
"""Patches per side."""
_SHORT_EDGE = 256


class ImageFit(str, Enum):
    """How a frame becomes a square."""

    FULL_FRAME = "full_frame"
    """Stretched, so that the grid of patches covers the frame."""
    RELEASED = "released"
    """Short edge to 256, then the middle 224x224: patches are off, borders unseen (spec Q14)."""


def fit_image(color: NDArray[np.uint8], fit: ImageFit) -> NDArray[np.uint8]:
    """Resample a frame (H, W, 3) to (224, 224, 3), bicubic."""
    image = Image.fromarray(color)
    if fit is ImageFit.FULL_FRAME:
        return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    scale = _SHORT_EDGE / min(image.size)
    width, height = (int(scale * side) for side in image.size)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + SIDE, top + SIDE)))


def patch_window(view: ObjectView) -> tuple[slice, slice]:
    """Rows and columns of the patches under a view's box."""
    row_px, column_px = HEIGHT // GRID, WIDTH // GRID
    (v0, u0), (v1, u1) = view.low, view.high
    return slice(v0 // row_px, -(-v1 // row_px)), slice(u0 // column_px, -(-u1 // column_px))


def fused_features(patches: Tensor, views: Sequence[Sequence[ObjectView]]) -> Mapping[int, Tensor]:
    """Mean of the patches under each view of an object, then over views by hull area.

    Args:
        patches: (F, 16, 16, D) patch features of the frames.
        views: What each frame shows.

    Returns:
        (D,) float32 by object, for the objects with at least one view.
    """
    sums: dict[int, Tensor] = {}
    areas: dict[int, float] = {}
    for grid, shown in zip(patches, views, strict=True):
        for view in shown:
            pooled = grid[patch_window(view)].flatten(0, 1).mean(dim=0).float()
            area = view.area_px
            sums[view.object_id] = sums.get(view.object_id, 0) + area * pooled
            areas[view.object_id] = areas.get(view.object_id, 0.0) + area
    return {object_id: total / areas[object_id] for object_id, total in sums.items()}
