"""PoseAlign-Embed: six features that relate a token to the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from posealign_core.geometry import Intrinsics
    from posealign_core.structures import EgoPose

__all__ = ["EGO_FEATURES", "camera_features", "ego_features"]

EGO_FEATURES = 6


def ego_features(coords: torch.Tensor, pose: EgoPose) -> torch.Tensor:
    """Relate token coordinates to the camera, in float32 whatever the model's precision.

    Args:
        coords: (T, 3) metres, in the pose's reference frame.
        pose: The ego pose, after every step that the coordinates went through.

    Returns:
        (T, 6) float32 on the device of `coords`; see `camera_features`.
    """
    matrix = torch.from_numpy(pose.reference_from_camera.inverse().matrix.copy())
    camera_from_input = matrix.to(device=coords.device, dtype=torch.float32)
    return camera_features(coords, camera_from_input, pose.intrinsics)


def camera_features(
    coords: torch.Tensor, camera_from_input: torch.Tensor, intrinsics: Intrinsics
) -> torch.Tensor:
    """Project points and describe where they fall (paper section 3.3; 3d_llava spec 5.5).

    No occlusion test: the features say where a token is relative to the camera, not whether it is
    seen.

    Args:
        coords: (T, 3) metres.
        camera_from_input: (4, 4) float32 matrix into RDF camera axes.
        intrinsics: The camera.

    Returns:
        (T, 6) float32: camera-frame x, y, z in metres; u / width and v / height, or -1 outside the
        image; 1 inside the image, else 0.
    """
    ones = torch.ones_like(coords[:, :1], dtype=torch.float32)
    points = torch.cat([coords.float(), ones], dim=1) @ camera_from_input.T
    x, y, z = points[:, 0], points[:, 1], points[:, 2]
    u = intrinsics.fx * x / z + intrinsics.cx
    v = intrinsics.fy * y / z + intrinsics.cy
    width, height = intrinsics.width, intrinsics.height
    inside = (z > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    outside = torch.full_like(u, -1.0)
    return torch.stack(
        [
            x,
            y,
            z,
            torch.where(inside, u / width, outside),
            torch.where(inside, v / height, outside),
            inside.float(),
        ],
        dim=1,
    )
