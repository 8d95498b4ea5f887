"""A room as symbols: which objects stand where. No points yet, so it costs next to nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import Frame, RigidTransform, corners_from_aabb
from posealign_rooms.catalogue import KINDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Group", "Layout", "RoomObject", "aligned_from_world"]

CLEARANCE_M = 0.25
"""Least distance between a person's middle and an object, metres."""
WALL_CLEARANCE_M = 0.3
"""Likewise for a wall."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoomObject:
    """An object of a room, in the room's axis-aligned frame (metres, z up, floor at 0).

    Attributes:
        object_id: Its id; equals its index in the layout.
        kind: Category name.
        color: Name of its colour, or `""` where none is known.
        rgb: Its own shade of that colour, sRGB 0-255.
        center: Centre of its box.
        size: Width, depth and height along its own axes.
        yaw: Turn of its own axes about z, radians; it faces its own +y.
        support: Object that it stands on, or None for the floor.
    """

    object_id: int
    kind: str
    color: str
    rgb: tuple[int, int, int]
    center: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float
    support: int | None = None

    @property
    def extent(self) -> tuple[float, float, float]:
        """Sides of the smallest box around it whose sides follow the room's axes, metres."""
        w, d, h = self.size
        if self.kind in KINDS and KINDS[self.kind].round:
            return (w, d, h)
        c, s = abs(math.cos(self.yaw)), abs(math.sin(self.yaw))
        return (c * w + s * d, s * w + c * d, h)


@dataclass(frozen=True, slots=True)
class Group:
    """A free-standing object and what stands around it; most directions are asked about these.

    Attributes:
        anchor: Id of the object in the middle.
        pairs: Ids of two objects on opposite sides of it, often of one kind.
        members: All ids of the group, the anchor included.
    """

    anchor: int
    pairs: tuple[tuple[int, int], ...]
    members: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layout:
    """A furnished room.

    Attributes:
        width: Side along x, metres; the room spans [-width/2, width/2].
        depth: Side along y, metres.
        height: Height of the walls, metres.
        objects: The objects, by id.
        groups: Free-standing groups.
        aligned_from_world: The turn and shift from the raw frame to the room's axes.
    """

    width: float
    depth: float
    height: float
    objects: tuple[RoomObject, ...]
    groups: tuple[Group, ...]
    aligned_from_world: RigidTransform

    @cached_property
    def centers(self) -> NDArray[np.float64]:
        """(K, 3) box centres in the axis-aligned frame, metres."""
        return np.array([o.center for o in self.objects], dtype=np.float64).reshape(-1, 3)

    @cached_property
    def aligned_boxes(self) -> NDArray[np.float64]:
        """(K, 6) `[cx, cy, cz, dx, dy, dz]` in the axis-aligned frame, metres."""
        extents = np.array([o.extent for o in self.objects], dtype=np.float64).reshape(-1, 3)
        return np.concatenate([self.centers, extents], axis=1)

    @cached_property
    def world_corners(self) -> NDArray[np.float64]:
        """(K, 8, 3) corners of those boxes in WORLD, metres."""
        return self.world_from_aligned.apply(corners_from_aabb(self.aligned_boxes))

    @cached_property
    def world_from_aligned(self) -> RigidTransform:
        """The way back to the raw frame."""
        return self.aligned_from_world.inverse()

    @cached_property
    def names(self) -> tuple[str | None, ...]:
        """Shortest name of each object that no other object of the room shares, or None.

        `"the table"` where there is one table, `"the red chair"` where one chair is red.
        """
        kinds = [o.kind for o in self.objects]
        pairs = [(o.color, o.kind) for o in self.objects]
        return tuple(
            f"the {kind}"
            if kinds.count(kind) == 1
            else f"the {color} {kind}"
            if color and pairs.count((color, kind)) == 1
            else None
            for color, kind in pairs
        )

    def is_free(self, x: float, y: float) -> bool:
        """Whether a person can stand at a place of the floor plan (metres)."""
        if abs(x) > self.width / 2 - WALL_CLEARANCE_M or abs(y) > self.depth / 2 - WALL_CLEARANCE_M:
            return False
        return all(
            abs(x - o.center[0]) > o.extent[0] / 2 + CLEARANCE_M
            or abs(y - o.center[1]) > o.extent[1] / 2 + CLEARANCE_M
            for o in self.objects
        )


def aligned_from_world(yaw: float, shift: tuple[float, float, float]) -> RigidTransform:
    """The alignment of a room whose raw frame is turned by `yaw` (radians) and then shifted.

    Args:
        yaw: Turn about z from the room's axes to the raw axes.
        shift: Room centre in the raw frame, metres.
    """
    c, s = math.cos(yaw), math.sin(yaw)
    matrix = np.eye(4)
    matrix[:2, :2] = [[c, -s], [s, c]]
    matrix[:3, 3] = shift
    return RigidTransform(matrix, Frame.WORLD, Frame.AXIS_ALIGNED).inverse()
