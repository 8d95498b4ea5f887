"""Pinhole intrinsics of one camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["SCANNET_CONSTANT", "Intrinsics"]


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera: u = fx X/Z + cx, v = fy Y/Z + cy, in pixels of a width x height image.

    Raises:
        ShapeError: A focal length or an image side is not positive and finite.
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        numbers = (self.fx, self.fy, self.cx, self.cy)
        if not np.isfinite(numbers).all() or min(self.fx, self.fy) <= 0:
            raise ShapeError(
                f"intrinsics: wanted finite fx, fy > 0 and finite cx, cy, found {self}"
            )
        if min(self.width, self.height) < 1:
            raise ShapeError(f"intrinsics: wanted an image of at least 1x1 pixels, found {self}")

    @classmethod
    def from_matrix(cls, matrix: ArrayLike, width: int, height: int) -> Intrinsics:
        """Read a (3, 3) or (4, 4) camera matrix K; skew is refused above 1e-6 of the focal length.

        Raises:
            ShapeError: The matrix has another shape, or is no upper-triangular camera matrix.
        """
        k = np.asarray(matrix, dtype=np.float64)
        if k.shape not in {(3, 3), (4, 4)}:
            raise ShapeError(f"intrinsics: wanted a 3x3 or 4x4 matrix, found shape {k.shape}")
        off_diagonal = max(abs(k[0, 1]), abs(k[1, 0]), abs(k[2, 0]), abs(k[2, 1]))
        if off_diagonal > 1e-6 * abs(k[0, 0]) or k[2, 2] != 1.0:
            raise ShapeError(
                f"intrinsics: wanted a pinhole matrix without skew, found {k.tolist()}"
            )
        return cls(
            float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2]), int(width), int(height)
        )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) camera matrix K, pixels."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    def scaled(self, factor: float) -> Intrinsics:
        """The same camera with its image resized; the new sides are truncated, as published."""
        return Intrinsics(
            self.fx * factor,
            self.fy * factor,
            self.cx * factor,
            self.cy * factor,
            int(self.width * factor),
            int(self.height * factor),
        )


SCANNET_CONSTANT = Intrinsics(1169.621094, 1167.105103, 646.295044, 489.927032, 1296, 968)
"""The one camera that the release uses for every scan (3d_llava spec 5.5); scans differ from it."""
