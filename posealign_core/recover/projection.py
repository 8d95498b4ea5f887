"""Where points fall in an image, for rules that need no Z-buffer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from posealign_core.geometry.intrinsics import Intrinsics

__all__ = ["Projected", "project_points"]


class Projected(NamedTuple):
    """Points in one image.

    Attributes:
        u: (N,) columns, pixels; meaningless where `inside` is false.
        v: (N,) rows, pixels.
        depth: (N,) metres along the camera's axis.
        inside: (N,) whether the point is in front of the camera and inside the image.
    """

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    depth: NDArray[np.float64]
    inside: NDArray[np.bool_]


def project_points(
    points: NDArray[Any], camera_from_world: NDArray[np.float64], camera: Intrinsics
) -> Projected:
    """Project points (N, 3), WORLD metres, with a (4, 4) camera-from-world matrix (RDF)."""
    x, y, depth = (points @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]).T
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = camera.fx * x / depth + camera.cx
        v = camera.fy * y / depth + camera.cy
    inside = (depth > 0) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    return Projected(u, v, depth, inside)
