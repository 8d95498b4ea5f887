"""What the Z-buffer engines are asked, in one record that all of them take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    Engine: TypeAlias = "Callable[[ZBufferTask], PointCounts]"

__all__ = ["MAX_SPLAT_PX", "PointCounts", "ZBufferTask"]

MAX_SPLAT_PX = 32.0
"""Largest half side of a point's square; a point at the lens would otherwise cover the image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ZBufferTask:
    """Count the visible points of each object in each camera.

    Every engine does this, in float64 and in this order of operations, so that counts agree to the
    last point:

    1. A point is at `X, Y, Z = ((r0 x + r1 y) + r2 z) + t`, per row of `camera_from_world`, and
       where Z > 0 at `u = (fx X) / Z + cx`, `v = (fy Y) / Z + cy`. It is inside where
       `low <= u < width` and `low <= v < height`; its pixel is `int(u), int(v)`.
    2. Each inside point offers Z to its own pixel and to those whose middle lies within
       `h = min((splat_m fx) / Z, MAX_SPLAT_PX)` of u and of v, that is to the columns from
       `min(int(u), ceil((u - h) - 0.5))` to `max(int(u), floor((u + h) - 0.5))` and likewise rows,
       as far as the image goes. A pixel keeps the smallest offer.
    3. An inside point is visible where `Z <= buffer + (slack[0] + slack[1] Z)` at its own pixel.

    Attributes:
        points: (N, 3) float32 or float64, WORLD, metres, finite.
        columns: (N,) int32 object of each point; negative hides others and is not counted.
        n_columns: K.
        camera_from_world: (V, 3, 4) float64.
        cameras: (V, 6) float64 fx, fy, cx, cy, width, height of the resized images, pixels. Sides
            need not be whole; the last column and row of pixels may be cut by the image's edge.
        slack: (V, 2) float64 depth behind the buffer that still counts: metres, metres per metre.
        splat_m: Half the side of the square that a point covers, metres; 0 is one pixel.
        truncate: Truncation of u and v toward zero, as published, instead of floor.
    """

    points: NDArray[Any]
    columns: NDArray[np.int32]
    n_columns: int
    camera_from_world: NDArray[np.float64]
    cameras: NDArray[np.float64]
    slack: NDArray[np.float64]
    splat_m: float
    truncate: bool

    @property
    def low(self) -> float:
        """Smallest u and v inside an image: truncation lets in all above -1."""
        return float(np.nextafter(-1.0, 0.0)) if self.truncate else 0.0

    @property
    def n_cameras(self) -> int:
        """V."""
        return len(self.cameras)

    @property
    def n_pixels(self) -> int:
        """Size of the largest image."""
        return int(np.ceil(self.cameras[:, 4:]).prod(axis=1).max(initial=0))


class PointCounts(NamedTuple):
    """What an engine returns.

    Attributes:
        visible: (V, K) int64 visible points of each object in each camera.
        total: (K,) int64 all points of each object.
    """

    visible: NDArray[np.int64]
    total: NDArray[np.int64]
