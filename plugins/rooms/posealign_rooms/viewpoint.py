"""Where an asker stands and looks, and what the room is like from there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import Frame, Intrinsics, RigidTransform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_rooms.layout import Layout

__all__ = ["CENTRAL_DEG", "COLOR_CAMERA", "Sight", "Viewpoint", "camera_matrix"]

COLOR_CAMERA = Intrinsics(1170.0, 1168.0, 648.0, 484.0, 1296, 968)
"""The nominal camera; scans deviate from it by a few per cent."""

CENTRAL_DEG = 25.0
"""An object counts as looked at when its centre is at most this far from the optical axis."""


def camera_matrix(
    position: NDArray[np.float64],
    yaw: NDArray[np.float64],
    pitch: NDArray[np.float64],
    roll: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Camera-to-room matrices with RDF camera axes.

    Args:
        position: (V, 3) metres, z up.
        yaw: (V,) heading, radians counter-clockwise from +x.
        pitch: (V,) radians, negative looks down.
        roll: (V,) turn about the optical axis, radians, positive tips the camera to its right.

    Returns:
        (V, 4, 4) float64.
    """
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    forward = np.stack([cy * cp, sy * cp, sp], axis=1)
    level_right = np.stack([sy, -cy, np.zeros_like(yaw)], axis=1)
    level_down = np.cross(forward, level_right)
    cr, sr = np.cos(roll)[:, None], np.sin(roll)[:, None]
    matrices = np.zeros((len(yaw), 4, 4))
    matrices[:, :3, 0] = cr * level_right + sr * level_down
    matrices[:, :3, 1] = cr * level_down - sr * level_right
    matrices[:, :3, 2] = forward
    matrices[:, :3, 3] = position
    matrices[:, 3, 3] = 1.0
    return matrices


@dataclass(frozen=True, eq=False)
class Viewpoint:
    """A camera pose in the room's axis-aligned frame.

    Attributes:
        aligned_from_camera: The pose, camera axes RDF.
        intrinsics: The camera.
    """

    aligned_from_camera: RigidTransform
    intrinsics: Intrinsics = COLOR_CAMERA

    @classmethod
    def looking(
        cls, position: tuple[float, float, float], target: tuple[float, float, float]
    ) -> Viewpoint:
        """An upright camera at `position` that looks straight at `target` (metres)."""
        dx, dy, dz = (t - p for t, p in zip(target, position, strict=True))
        yaw, pitch = math.atan2(dy, dx), math.atan2(dz, math.hypot(dx, dy))
        matrix = camera_matrix(
            np.array([position]), np.array([yaw]), np.array([pitch]), np.zeros(1)
        )[0]
        return cls(RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.CAMERA))

    @property
    def position(self) -> NDArray[np.float64]:
        """(3,) metres."""
        return self.aligned_from_camera.translation

    @property
    def yaw(self) -> float:
        """Heading of the optical axis on the floor plan, radians counter-clockwise from +x."""
        forward = self.aligned_from_camera.rotation[:, 2]
        return math.atan2(forward[1], forward[0])


class Sight:
    """A room from a viewpoint: level ego coordinates of every object, and which ones are seen.

    The level ego frame has its origin at the asker, x along the heading, y to the left; pitch and
    roll of the camera do not enter, so "left" means what a person standing there means.

    Args:
        layout: The room.
        viewpoint: Where the asker stands and looks.
        attentive: Whether only what is in the image counts as seen; if not, every object does,
            which suits questions that do not come from a camera.
    """

    def __init__(self, layout: Layout, viewpoint: Viewpoint, *, attentive: bool = True) -> None:
        self.layout = layout
        self.viewpoint = viewpoint
        self.attentive = attentive
        away = layout.centers[:, :2] - viewpoint.position[:2]
        c, s = math.cos(viewpoint.yaw), math.sin(viewpoint.yaw)
        self.ego: list[tuple[float, float]] = [
            (c * dx + s * dy, c * dy - s * dx) for dx, dy in away.tolist()
        ]
        self.bearings: list[float] = [math.degrees(math.atan2(y, x)) for x, y in self.ego]
        self.distances: list[float] = [math.hypot(x, y) for x, y in self.ego]

    @cached_property
    def _in_camera(self) -> NDArray[np.float64]:
        return self.viewpoint.aligned_from_camera.inverse().apply(self.layout.centers)

    @cached_property
    def _shown(self) -> frozenset[int]:
        """Objects whose centre is in the image and that nothing hides."""
        if not self.layout.objects:
            return frozenset()
        x, y, z = self._in_camera.T
        k = self.viewpoint.intrinsics
        ahead = np.maximum(z, 1e-6)
        u, v = k.fx * x / ahead + k.cx, k.fy * y / ahead + k.cy
        inside = (z > 0.2) & (u >= 0) & (u < k.width) & (v >= 0) & (v < k.height)
        shown = inside & _unhidden(self.layout, self.viewpoint.position)
        return frozenset(np.flatnonzero(shown).tolist())

    @cached_property
    def looked_at(self) -> frozenset[int]:
        """Objects in the image, near its centre."""
        return frozenset(i for i in self._shown if self.off_axis_deg[i] <= CENTRAL_DEG)

    @cached_property
    def off_axis_deg(self) -> NDArray[np.float64]:
        """(K,) angles between the optical axis and the objects' centres, degrees."""
        x, y, z = self._in_camera.T
        angles: NDArray[np.float64] = np.degrees(np.arctan2(np.hypot(x, y), z))
        return angles

    @cached_property
    def in_view(self) -> frozenset[int]:
        """Objects that a question may mention: those in the image, or all."""
        return self._shown if self.attentive else frozenset(range(len(self.layout.objects)))

    @property
    def central(self) -> frozenset[int]:
        """Objects that a question may be about: those that the asker looks at, or all."""
        return self.looked_at if self.attentive else self.in_view


def _unhidden(layout: Layout, eye: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(K,) whether the centre or the upper part of each object can be seen past the others' boxes.

    Every line of sight is clipped against every box in the box's own axes (slab method).
    """
    boxes = layout.objects
    centers = layout.centers
    sizes = np.array([o.size for o in boxes])
    yaws = np.array([o.yaw for o in boxes])
    upper = centers + sizes * np.array([0.0, 0.0, 0.35])
    goals = np.concatenate([centers, upper])
    c, s = np.cos(yaws)[:, None], np.sin(yaws)[:, None]

    def own_axes(points: NDArray[np.float64]) -> NDArray[np.float64]:
        p = points[None] - centers[:, None]
        return np.stack(
            [c * p[..., 0] + s * p[..., 1], c * p[..., 1] - s * p[..., 0], p[..., 2]], -1
        )

    start = own_axes(eye[None])
    ray = own_axes(goals) - start
    ray = np.where(np.abs(ray) < 1e-9, 1e-9, ray)
    half = sizes[:, None] / 2
    one, two = (-half - start) / ray, (half - start) / ray
    enter = np.minimum(one, two).max(axis=-1)
    leave = np.maximum(one, two).min(axis=-1)
    hit = (enter < leave) & (leave > 0.0) & (enter < 1.0)
    k = len(boxes)
    own = np.concatenate([np.eye(k, dtype=bool)] * 2, axis=1)
    hidden = (hit & ~own).any(axis=0).reshape(2, k)
    clear: NDArray[np.bool_] = ~hidden.all(axis=0)
    return clear
