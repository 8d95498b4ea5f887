"""Rotations and reflections as matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["reflection_of", "rotation_about"]


def rotation_about(axis: ArrayLike, angle: float) -> NDArray[np.float64]:
    """(3, 3) rotation about a unit axis (3,) by an angle in radians (Rodrigues)."""
    x, y, z = np.asarray(axis, dtype=np.float64)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn: NDArray[np.float64] = (
        np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    )
    return turn


def reflection_of(normal: ArrayLike) -> NDArray[np.float64]:
    """(3, 3) reflection in the plane through the origin with this unit normal (3,) (Householder).

    It is no rotation: its determinant is -1.
    """
    n = np.asarray(normal, dtype=np.float64)
    reflection: NDArray[np.float64] = np.eye(3) - 2 * np.outer(n, n)
    return reflection
