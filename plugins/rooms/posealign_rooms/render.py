"""Colour and depth images of a room by casting one ray per pixel against its parts."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

from posealign_rooms.mesh import FLOOR_RGB, WALL_RGB
from posealign_rooms.solids import BLOCK

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.geometry import Intrinsics, RigidTransform
    from posealign_rooms.solids import Solids

    Floats = NDArray[np.float64]

__all__ = ["image_intrinsics", "render"]

F = TypeVar("F", bound=Callable[..., Any])

NEAR_M = 1e-6
"""What is closer than this to the eye is not hit."""

BACKGROUND = 245.0
"""Brightness above the walls, where there is no ceiling."""
LIGHT = (0.36, -0.48, 0.8)
"""Unit vector towards the light, axis-aligned frame."""


def image_intrinsics(camera: Intrinsics, scale: float) -> Intrinsics:
    """The camera of a rendered image whose sides are `scale` times the colour camera's.

    Scans of a smaller colour camera keep the image height of the others.
    """
    return camera.scaled(scale * 968 / camera.height if camera.height < 968 else scale)


def render(
    solids: Solids, aligned_from_camera: RigidTransform, camera: Intrinsics
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Render one frame.

    Args:
        solids: The room.
        aligned_from_camera: A pose inside the room, camera axes RDF.
        camera: The image's own intrinsics.

    Returns:
        (H, W, 3) uint8 colours and (H, W) uint16 depth along the optical axis in millimetres, 0
        where the ray meets nothing.
    """
    color, depth = _cast(
        np.ascontiguousarray(aligned_from_camera.translation),
        np.ascontiguousarray(aligned_from_camera.rotation),
        np.array([camera.fx, camera.fy, camera.cx, camera.cy]),
        (camera.height, camera.width),
        solids,
    )
    return color.clip(0, 255).astype(np.uint8), (depth * 1000.0).round().astype(np.uint16)


_FLOOR, _WALL = np.array(FLOOR_RGB, dtype=np.float64), np.array(WALL_RGB, dtype=np.float64)
_LIGHT = np.array(LIGHT)
_SHELL, _NOTHING = -1, -2


def _compile(function: F) -> F:
    return cast("F", numba.njit(cache=True, error_model="numpy")(function))


@_compile
def _cast(
    eye: Floats, rotation: Floats, k: Floats, shape: tuple[int, int], solids: Solids
) -> tuple[Floats, Floats]:
    """One ray per pixel; its length is the depth, as its camera z is 1."""
    height, width = shape
    color = np.full((height, width, 3), BACKGROUND)
    depth = np.zeros((height, width))
    ray, normal = np.empty(3), np.empty(3)
    for row in range(height):
        for column in range(width):
            x, y = (column + 0.5 - k[2]) / k[0], (row + 0.5 - k[3]) / k[1]
            for i in range(3):
                ray[i] = rotation[i, 0] * x + rotation[i, 1] * y + rotation[i, 2]
            length, part = _trace(eye, ray, solids, normal)
            if part == _NOTHING:
                continue
            paint = _FLOOR if normal[2] > 0.5 else _WALL
            if part != _SHELL:
                paint = solids.rgb[part]
            color[row, column] = paint * (0.86 + 0.16 * (normal @ _LIGHT))
            depth[row, column] = length
    return color, depth


@_compile
def _trace(eye: Floats, ray: Floats, solids: Solids, normal: Floats) -> tuple[float, int]:
    """Length of a ray and the part that it meets first; fills in the normal there."""
    best, axis = _leave_shell(eye, ray, solids.shell)
    normal[:] = 0.0
    normal[axis] = -1.0 if ray[axis] > 0 else 1.0
    part = _NOTHING if axis == 2 and ray[2] > 0 else _SHELL
    for o in range(len(solids.boxes)):
        if _box_entry(eye, ray, solids.boxes[o, :3], solids.boxes[o, 3:]) >= best:
            continue
        x, y, z, c, s = solids.placement[o]
        dx, dy = eye[0] - x, eye[1] - y
        own_eye = np.array([c * dx + s * dy, c * dy - s * dx, eye[2] - z])
        own_ray = np.array([c * ray[0] + s * ray[1], c * ray[1] - s * ray[0], ray[2]])
        for p in range(solids.first_part[o], solids.first_part[o + 1]):
            if solids.shape[p] == BLOCK:
                t, n = _hit_block(own_eye, own_ray, solids.geometry[p])
            else:
                t, n = _hit_cone(own_eye, own_ray, solids.geometry[p])
            if NEAR_M < t < best:
                best, part = t, p
                normal[0], normal[1], normal[2] = c * n[0] - s * n[1], s * n[0] + c * n[1], n[2]
    return best, part


@_compile
def _leave_shell(eye: Floats, ray: Floats, shell: Floats) -> tuple[float, int]:
    """Where a ray from inside leaves the room: length, and the axis of that surface."""
    best, axis = np.inf, 2
    for i in range(3):
        high = shell[i] if i == 2 else shell[i] / 2
        low = 0.0 if i == 2 else -high
        t = ((high if ray[i] > 0 else low) - eye[i]) / ray[i]
        if t < best:
            best, axis = t, i
    return best, axis


@_compile
def _box_entry(eye: Floats, ray: Floats, low: Floats, high: Floats) -> float:
    """Length at which a ray enters a box; infinite where it misses."""
    enter, leave = 0.0, np.inf
    for i in range(3):
        if ray[i] == 0.0:
            if eye[i] < low[i] or eye[i] > high[i]:
                return np.inf
            continue
        a, b = (low[i] - eye[i]) / ray[i], (high[i] - eye[i]) / ray[i]
        enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
    return enter if enter <= leave else np.inf


@_compile
def _hit_block(eye: Floats, ray: Floats, g: Floats) -> tuple[float, Floats]:
    t = _box_entry(eye, ray, g[:3] - g[3:], g[:3] + g[3:])
    normal = np.zeros(3)
    if t < np.inf:
        # The face that was entered is the one whose plane the hit is closest to.
        least, axis = np.inf, 0
        for i in range(3):
            gap = abs(abs(eye[i] + t * ray[i] - g[i]) - g[3 + i])
            if gap < least:
                least, axis = gap, i
        normal[axis] = -1.0 if ray[axis] > 0 else 1.0
    return t, normal


@_compile
def _hit_cone(eye: Floats, ray: Floats, g: Floats) -> tuple[float, Floats]:
    """First hit with the mantle or a disc of an upright truncated cone."""
    x, y, z = eye[0] - g[0], eye[1] - g[1], eye[2] - g[2]
    height, lower, upper = g[3], g[4], g[5]
    slope = (upper - lower) / height
    radius = lower + slope * z
    a = ray[0] ** 2 + ray[1] ** 2 - (slope * ray[2]) ** 2
    b = x * ray[0] + y * ray[1] - slope * ray[2] * radius
    c = x * x + y * y - radius * radius
    best = np.inf
    normal = np.zeros(3)
    root = b * b - a * c
    if root >= 0.0 and a != 0.0:
        for sign in (-1.0, 1.0):
            t = (-b + sign * math.sqrt(root)) / a
            level = z + t * ray[2]
            if NEAR_M < t < best and 0.0 <= level <= height:
                best = t
                normal[0], normal[1] = x + t * ray[0], y + t * ray[1]
                normal[2] = -slope * (lower + slope * level)
                normal /= math.sqrt((normal * normal).sum())
    if ray[2] != 0.0:
        for level, limit, up in ((height, upper, 1.0), (0.0, lower, -1.0)):
            t = (level - z) / ray[2]
            px, py = x + t * ray[0], y + t * ray[1]
            if NEAR_M < t < best and px * px + py * py <= limit * limit:
                best = t
                normal[:] = 0.0
                normal[2] = up
    return best, normal
