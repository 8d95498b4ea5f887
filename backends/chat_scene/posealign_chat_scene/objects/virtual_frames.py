"""Images of scenes that have none: their points, as cameras around the room would see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_chat_scene.extraction.frames import HEIGHT, WIDTH, RgbdFrame
from posealign_core.geometry import Intrinsics

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["virtual_frames"]

_PIXEL = 10
"""Image pixels along the side of one that is drawn; scans are too sparse for finer ones."""
_CAMERA = Intrinsics(fx=400.0, fy=400.0, cx=319.5, cy=239.5, width=WIDTH, height=HEIGHT)
_CORNERS = ((1, 1), (-1, -1))
_ABOVE_M = 1.2
_NEAREST_M = 0.05


def virtual_frames(points: NDArray[np.float64], colors: NDArray[np.uint8]) -> list[RgbdFrame]:
    """Draw a scene from above two opposite corners of its box, nearer points over farther ones.

    Args:
        points: (N, 3) metres, z up, N >= 1.
        colors: (N, 3).

    Returns:
        Frames whose poses are in the frame of `points`.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    frames = []
    for number, (x, y) in enumerate(_CORNERS):
        eye = middle + np.array([x * (half[0] + 0.5), y * (half[1] + 0.5), half[2] + _ABOVE_M])
        pose = _looking(eye, middle)
        color, depth = _drawn(points, colors, pose)
        frames.append(
            RgbdFrame(
                frame_id=str(number),
                color=color,
                depth=depth,
                world_from_camera=pose,
                camera=_CAMERA,
            )
        )
    return frames


def _looking(eye: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4) pose (RDF) of an upright camera."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    pose[:3, 3] = eye
    return pose


def _drawn(
    points: NDArray[np.float64], colors: NDArray[np.uint8], pose: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour and depth at full size, black and 0 where no point falls."""
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    z = np.maximum(local[:, 2], _NEAREST_M)
    u = np.round(_CAMERA.fx * local[:, 0] / z + _CAMERA.cx).astype(np.int64) // _PIXEL
    v = np.round(_CAMERA.fy * local[:, 1] / z + _CAMERA.cy).astype(np.int64) // _PIXEL
    height, width = HEIGHT // _PIXEL, WIDTH // _PIXEL
    seen = (local[:, 2] > _NEAREST_M) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    rows = np.flatnonzero(seen)
    rows = rows[np.argsort(-z[rows], kind="stable")]  # the last one that is written stays
    color = np.zeros((height, width, 3), np.uint8)
    depth = np.zeros((height, width), np.float32)
    color[v[rows], u[rows]] = colors[rows]
    depth[v[rows], u[rows]] = z[rows]
    return (
        color.repeat(_PIXEL, 0).repeat(_PIXEL, 1),
        depth.repeat(_PIXEL, 0).repeat(_PIXEL, 1),
    )
