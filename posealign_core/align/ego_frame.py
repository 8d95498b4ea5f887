"""The forward-left-up frame of a pose: the camera's own, or levelled by gravity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import Frame, RigidTransform, ego_from_camera
from posealign_core.vocabulary import EgoFrame

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from posealign_core.structures import EgoPose

__all__ = ["ego_from_reference"]

# Below this horizontal share of the optical axis (2 degrees off the vertical) it has no heading.
_HEADING_FLOOR = np.sin(np.radians(2.0))


def ego_from_reference(pose: EgoPose, up: ArrayLike, ego_frame: EgoFrame) -> RigidTransform:
    """Find the transform from the pose's reference frame into the asker's forward-left-up frame.

    The origin is the camera centre in both frames. `CAMERA` keeps the camera's axes (paper section
    3.3: forward = camera z, left = -x, up = -y); `LEVEL` keeps its heading only: up is `up`, so the
    floor stays level for a pitched camera, and left is left for a rolled one.

    Args:
        pose: The ego pose.
        up: (3,) vector against gravity in the pose's reference frame; any length.
        ego_frame: Which frame.

    Returns:
        Transform from `pose.reference` to EGO.
    """
    camera_from_reference = pose.reference_from_camera.inverse()
    if ego_frame is EgoFrame.CAMERA:
        return ego_from_camera() @ camera_from_reference
    rotation = pose.reference_from_camera.rotation
    upward = np.asarray(up, dtype=np.float64)
    upward = upward / np.linalg.norm(upward)
    forward = _heading(rotation, upward)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([forward, np.cross(upward, forward), upward])
    matrix[:3, 3] = -matrix[:3, :3] @ pose.reference_from_camera.translation
    return RigidTransform(matrix, Frame.EGO, pose.reference)


def _heading(rotation: NDArray[np.float64], upward: NDArray[np.float64]) -> NDArray[np.float64]:
    """Horizontal unit vector that the camera faces; columns of `rotation` are its RDF axes."""
    optical = rotation[:, 2]
    horizontal = optical - (optical @ upward) * upward
    if np.linalg.norm(horizontal) < _HEADING_FLOOR:
        # Looking straight down, the top of the image lies ahead; straight up, the bottom does.
        ahead = rotation[:, 1] if optical @ upward > 0 else -rotation[:, 1]
        horizontal = ahead - (ahead @ upward) * upward
    heading: NDArray[np.float64] = horizontal / np.linalg.norm(horizontal)
    return heading
