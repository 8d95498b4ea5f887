"""Camera axis conventions, and the fixed rotations between them.

The library's own camera frame is RDF (x right, y down, z forward: ScanNet, OpenCV, COLMAP). Other
sources state another one; a pose read in the wrong convention sees nothing, or the ceiling.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry.frames import Frame, RigidTransform

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["CameraAxes", "PoseDirection", "ego_from_camera", "world_from_camera_rdf"]


class CameraAxes(str, Enum):
    """What the x, y and z axes of a camera point at."""

    RDF = "rdf"
    """Right, down, forward: ScanNet, OpenCV, COLMAP, Open3D."""
    RUB = "rub"
    """Right, up, back: OpenGL, Blender, NeRF, ARKit."""
    FLU = "flu"
    """Forward, left, up: ROS, Habitat-like ego frames."""


class PoseDirection(str, Enum):
    """Which way a stored pose matrix maps."""

    CAMERA_TO_WORLD = "camera_to_world"
    WORLD_TO_CAMERA = "world_to_camera"


# Columns: where the x, y, z axes of the stated convention lie in RDF.
_RDF_FROM = {
    CameraAxes.RDF: np.eye(3),
    CameraAxes.RUB: np.diag([1.0, -1.0, -1.0]),
    CameraAxes.FLU: np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]]),
}


def world_from_camera_rdf(
    poses: ArrayLike,
    *,
    axes: CameraAxes = CameraAxes.RDF,
    direction: PoseDirection = PoseDirection.CAMERA_TO_WORLD,
) -> NDArray[np.float64]:
    """Bring pose matrices of any stated convention to camera-to-world with RDF axes.

    Args:
        poses: (..., 4, 4); invalid ones (NaN, Inf, singular) pass through as NaN, to be rejected
            and counted by `recover.frames.usable_frames`.
        axes: The camera axes that the matrices were written for.
        direction: Which way the matrices map.

    Returns:
        (..., 4, 4) float64 camera-to-world matrices, camera axes RDF.
    """
    m = np.array(poses, dtype=np.float64)
    if direction is PoseDirection.WORLD_TO_CAMERA:
        m = _inverse_or_nan(m)
    stated_from_rdf = np.eye(4)
    stated_from_rdf[:3, :3] = _RDF_FROM[axes].T
    with np.errstate(invalid="ignore"):
        return m @ stated_from_rdf


def _inverse_or_nan(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = matrices.reshape(-1, 4, 4)
    out = np.full_like(flat, np.nan)
    for i, m in enumerate(flat):
        if np.isfinite(m).all() and abs(np.linalg.det(m)) > 1e-9:
            out[i] = np.linalg.inv(m)
    return out.reshape(matrices.shape)


def ego_from_camera() -> RigidTransform:
    """The fixed turn from RDF camera axes to forward-left-up: (z, -x, -y), paper section 3.3."""
    m = np.eye(4)
    m[:3, :3] = _RDF_FROM[CameraAxes.FLU].T
    return RigidTransform(m, Frame.EGO, Frame.CAMERA)
