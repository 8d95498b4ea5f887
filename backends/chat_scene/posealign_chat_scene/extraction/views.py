"""Where the objects of a scan appear in a frame: projection, occlusion, hulls (spec 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import ConvexHull, QhullError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from posealign_chat_scene.extraction.frames import RgbdFrame

__all__ = ["ObjectView", "object_views", "visible_pixels"]

_BORDER_PX = 10
_DEPTH_SHARE = 0.25
_MIN_POINTS = 3
_MIN_AREA_PX = 30 * 40
"""One patch of the encoder's grid."""


@dataclass(frozen=True)
class ObjectView:
    """One object in one frame.

    Attributes:
        object_id: The object.
        area_px: Area of the convex hull of its visible points, pixels².
        low: (v, u) least row and column of the hull.
        high: (v, u) greatest row and column.
    """

    object_id: int
    area_px: float
    low: tuple[int, int]
    high: tuple[int, int]


def visible_pixels(
    points: NDArray[np.float64], frame: RgbdFrame
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Project points, and say which of them the frame sees.

    A point is seen if it falls at least ten pixels inside the image, and its depth differs from the
    measured one by at most a quarter of that. Where nothing was measured, nothing is seen.

    Args:
        points: (N, 3) in WORLD, metres.
        frame: A frame with depth.

    Returns:
        (N, 2) row and column of each point, meaningless where it is not seen, and (N,) whether it
        is.
    """
    camera_from_world = np.linalg.inv(frame.world_from_camera)
    x, y, z = (points @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]).T
    camera, in_front = frame.camera, z > 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = np.round(camera.fx * x / z + camera.cx)
        v = np.round(camera.fy * y / z + camera.cy)
    seen = (
        in_front
        & (u >= _BORDER_PX)
        & (u < camera.width - _BORDER_PX)
        & (v >= _BORDER_PX)
        & (v < camera.height - _BORDER_PX)
    )
    pixels = np.stack([np.where(seen, v, 0), np.where(seen, u, 0)], axis=1).astype(np.int64)
    if frame.depth is None:
        return pixels, np.zeros(len(points), bool)
    measured = frame.depth[pixels[:, 0], pixels[:, 1]]
    return pixels, seen & (np.abs(measured - z) <= _DEPTH_SHARE * measured)


def object_views(
    members: Mapping[int, NDArray[np.int64]],
    pixels: NDArray[np.int64],
    seen: NDArray[np.bool_],
) -> list[ObjectView]:
    """The objects that a frame shows well enough: three points, and a hull of a patch's area.

    Args:
        members: Point indices of each object, by id.
        pixels: From `visible_pixels`.
        seen: Likewise.
    """
    views = []
    for object_id, indices in members.items():
        corners = pixels[indices[seen[indices]]]
        if len(corners) < _MIN_POINTS:
            continue
        low, high = corners.min(axis=0), corners.max(axis=0)
        if np.prod(high - low) < _MIN_AREA_PX:
            continue  # no hull is larger than its box
        area = _hull_area(corners)
        if area >= _MIN_AREA_PX:
            v0, u0, v1, u1 = (int(x) for x in (*low, *high))
            views.append(ObjectView(object_id, area, (v0, u0), (v1, u1)))
    return views


def _hull_area(corners: NDArray[np.int64]) -> float:
    """Area of the convex hull of pixels (n, 2); 0 where they lie on a line."""
    try:
        return float(ConvexHull(corners).volume)  # of a plane figure, scipy's volume is the area
    except QhullError:
        return 0.0
