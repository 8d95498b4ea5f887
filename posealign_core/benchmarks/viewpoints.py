"""Camera poses from the other forms in which data sets state where somebody stood and looked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import DataError
from posealign_core.geometry import Frame, RigidTransform

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["upright_camera", "yaw_of_quaternion"]


def upright_camera(position: ArrayLike, forward: ArrayLike, up: ArrayLike) -> RigidTransform:
    """World-from-camera of a camera without roll.

    Args:
        position: (3,) place of the camera in WORLD, metres.
        forward: (3,) viewing direction in WORLD, of any length.
        up: (3,) direction against gravity in WORLD, of any length.

    Raises:
        DataError: The direction is zero, not finite, or straight up or down.
    """
    ahead, above = (np.asarray(v, dtype=np.float64) for v in (forward, up))
    right = np.cross(ahead, above)
    norm = float(np.linalg.norm(right))
    if not norm > 1e-9:
        raise DataError(
            f"camera: wanted a direction other than up or down, found {ahead.tolist()} with up "
            f"{above.tolist()}"
        )
    right, ahead = right / norm, ahead / np.linalg.norm(ahead)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(ahead, right), ahead], axis=1)
    matrix[:3, 3] = position
    return RigidTransform(matrix, Frame.WORLD, Frame.CAMERA)


def yaw_of_quaternion(z: float, w: float) -> float:
    """Turn about the z axis in radians, of a quaternion whose x and y do not count."""
    return 2.0 * math.atan2(z, w)
