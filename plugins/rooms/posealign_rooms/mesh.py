"""The scanned surface of a room: a triangle mesh with colours, instances and segments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_rooms.catalogue import KINDS
from posealign_rooms.furniture import Block, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_rooms.furniture import Cone, Part
    from posealign_rooms.layout import Layout, RoomObject

__all__ = ["FLOOR_RGB", "WALL_RGB", "RoomMesh", "mesh_of"]

FLOOR_RGB = (176, 160, 140)
WALL_RGB = (214, 212, 205)
FLOOR_ID, WALL_ID = -2, -3
"""Owners of the room's own surfaces while the mesh is built; both are instance -1."""
LARGE_M = 0.15
"""A face is a segment of its own from this side on, metres."""
TILE_M = 1.0
"""Floor and walls fall into segments of about this side, metres."""


@dataclass(frozen=True, eq=False)
class RoomMesh:
    """A mesh in WORLD.

    Attributes:
        vertices: (N, 3) float32 metres.
        normals: (N, 3) float32 unit vectors, out of objects and into the room.
        colors: (N, 3) uint8.
        faces: (M, 3) int32 vertex indices, counter-clockwise seen from outside.
        instance_ids: (N,) int64 object ids, -1 on floor and walls.
        segment_ids: (N,) int64; a segment belongs to one object, or to floor or wall.
        nyu40: (N,) int64 NYU40 class of each vertex.
    """

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    colors: NDArray[np.uint8]
    faces: NDArray[np.int32]
    instance_ids: NDArray[np.int64]
    segment_ids: NDArray[np.int64]
    nyu40: NDArray[np.int64]


def mesh_of(layout: Layout, spacing_m: float, rng: np.random.Generator) -> RoomMesh:
    """Triangulate a room.

    Args:
        layout: The room.
        spacing_m: Distance between neighbouring vertices, metres.
        rng: Source of the colour noise.
    """
    builder = _MeshBuilder(spacing_m)
    for room_object in layout.objects:
        builder.add_object(room_object)
    builder.add_shell(layout)
    return builder.mesh(layout, rng)


@dataclass(frozen=True, eq=False)
class _Patch:
    """A grid of vertices over one smooth surface."""

    vertices: NDArray[np.float64]
    normals: NDArray[np.float64]
    faces: NDArray[np.int64]


class _MeshBuilder:
    """Collects patches in the axis-aligned frame."""

    def __init__(self, spacing_m: float) -> None:
        self.spacing = spacing_m
        self.patches: list[_Patch] = []
        self.rgb: list[NDArray[np.float64]] = []
        self.owners: list[int] = []
        self.segments: list[NDArray[np.int64]] = []
        self.n_segments = 0

    def add_object(self, room_object: RoomObject) -> None:
        """All parts of an object; small faces of one part share a segment, large ones have one."""
        c, s = math.cos(room_object.yaw), math.sin(room_object.yaw)
        turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
        x, y, z = room_object.center
        foot = np.array([x, y, z - room_object.size[2] / 2])
        for part in parts_of(room_object):
            shared = self._new_segment()
            for patch, large in _surface(part, self.spacing):
                moved = _Patch(patch.vertices @ turn + foot, patch.normals @ turn, patch.faces)
                segment = self._new_segment() if large else shared
                rgb = np.array(room_object.rgb) * part.shade
                self._add(moved, rgb, room_object.object_id, np.array(segment))

    def add_shell(self, layout: Layout) -> None:
        """Floor and walls, seen from inside."""
        w, d, h = layout.width, layout.depth, layout.height
        low, across, along, up = (
            np.array([-w / 2, -d / 2, 0.0]),
            np.array([w, 0.0, 0.0]),
            np.array([0.0, d, 0.0]),
            np.array([0.0, 0.0, h]),
        )
        surfaces = (
            (low, across, along, FLOOR_ID, FLOOR_RGB),
            (low, up, across, WALL_ID, WALL_RGB),
            (low + along, across, up, WALL_ID, WALL_RGB),
            (low, along, up, WALL_ID, WALL_RGB),
            (low + across, up, along, WALL_ID, WALL_RGB),
        )
        for corner, u, v, owner, rgb in surfaces:
            patch = _grid(corner, u, v, self.spacing)
            tiles = np.floor((patch.vertices - low) / TILE_M - 1e-9).astype(np.int64)
            _, tile = np.unique(tiles, axis=0, return_inverse=True)
            first = self.n_segments
            self.n_segments += int(tile.max()) + 1
            self._add(patch, np.array(rgb, dtype=np.float64), owner, first + tile.reshape(-1))

    def mesh(self, layout: Layout, rng: np.random.Generator) -> RoomMesh:
        """Join all patches and carry them into WORLD."""
        counts = [len(p.vertices) for p in self.patches]
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        vertices = np.concatenate([p.vertices for p in self.patches])
        normals = np.concatenate([p.normals for p in self.patches])
        faces = [p.faces + s for p, s in zip(self.patches, starts, strict=True)]
        # A little light from above gives shape to surfaces of one colour.
        light = (0.93 + 0.07 * normals[:, 2])[:, None]
        colors = np.repeat(self.rgb, counts, axis=0) * light + rng.normal(0.0, 4.0, vertices.shape)
        owners = np.repeat(self.owners, counts)
        return RoomMesh(
            vertices=layout.world_from_aligned.apply(vertices).astype(np.float32),
            normals=layout.world_from_aligned.apply_direction(normals).astype(np.float32),
            colors=colors.clip(0, 255).astype(np.uint8),
            faces=np.concatenate(faces).astype(np.int32),
            instance_ids=np.where(owners >= 0, owners, -1),
            segment_ids=np.concatenate(
                [np.broadcast_to(s, n) for s, n in zip(self.segments, counts, strict=True)]
            ),
            nyu40=_classes(layout)[owners],
        )

    def _new_segment(self) -> int:
        self.n_segments += 1
        return self.n_segments - 1

    def _add(
        self,
        patch: _Patch,
        rgb: NDArray[np.float64],
        owner: int,
        segments: NDArray[np.int64],
    ) -> None:
        self.patches.append(patch)
        self.rgb.append(rgb)
        self.owners.append(owner)
        self.segments.append(segments)


def _classes(layout: Layout) -> NDArray[np.int64]:
    """NYU40 class by owner; the last three places serve the negative owners."""
    return np.array([*(KINDS[o.kind].nyu40 for o in layout.objects), 1, 2, 0])


def _surface(part: Part, spacing: float) -> list[tuple[_Patch, bool]]:
    """The visible patches of a part, each with whether it is large; nobody sees a part's bottom."""
    return (
        _block_surface(part, spacing) if isinstance(part, Block) else _cone_surface(part, spacing)
    )


def _block_surface(part: Block, spacing: float) -> list[tuple[_Patch, bool]]:
    size = np.array(part.size)
    low = np.array(part.center) - size / 2
    x, y, z = np.diag(size)
    sides = ((low + z, x, y), (low, x, z), (low + y, z, x), (low, z, y), (low + x, y, z))
    return [
        (_grid(corner, u, v, spacing), bool(min(u.max(), v.max()) >= LARGE_M))
        for corner, u, v in sides
    ]


def _cone_surface(part: Cone, spacing: float) -> list[tuple[_Patch, bool]]:
    radius = max(part.lower, part.upper)
    n_around = max(8, math.ceil(2 * math.pi * radius / spacing))
    angles = np.linspace(0.0, 2 * math.pi, n_around + 1)
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=1)
    up = np.array([0.0, 0.0, 1.0])

    def rings(radii: NDArray[np.float64], heights: NDArray[np.float64]) -> NDArray[np.float64]:
        around = circle[None] * radii[:, None, None] + up * heights[:, None, None]
        points: NDArray[np.float64] = (around + np.array(part.foot)).reshape(-1, 3)
        return points

    n_up = max(1, round(part.height / spacing))
    share = np.linspace(0.0, 1.0, n_up + 1)
    side = rings(part.lower + share * (part.upper - part.lower), share * part.height)
    slope = circle * part.height + up * (part.lower - part.upper)
    outward = slope / np.linalg.norm(slope, axis=1, keepdims=True)
    n_in = max(1, round(part.upper / spacing))
    # A hole of a few millimetres in its middle, for triangles without an area have no normal.
    disc = rings(part.upper * np.linspace(1.0, 0.01, n_in + 1), np.full(n_in + 1, part.height))
    return [
        (_Patch(side, np.tile(outward, (n_up + 1, 1)), _grid_faces(n_up, n_around)), True),
        (_Patch(disc, np.tile(up, (len(disc), 1)), _grid_faces(n_in, n_around)), radius >= LARGE_M),
    ]


def _grid(
    corner: NDArray[np.float64],
    u: NDArray[np.float64],
    v: NDArray[np.float64],
    spacing: float,
) -> _Patch:
    """A parallelogram; its normal is u x v."""
    n_u = max(1, round(float(np.linalg.norm(u)) / spacing))
    n_v = max(1, round(float(np.linalg.norm(v)) / spacing))
    b, a = np.meshgrid(np.linspace(0, 1, n_v + 1), np.linspace(0, 1, n_u + 1), indexing="ij")
    vertices = corner + a.reshape(-1, 1) * u + b.reshape(-1, 1) * v
    normal = np.cross(u, v)
    normals = np.broadcast_to(normal / np.linalg.norm(normal), vertices.shape)
    return _Patch(vertices, normals, _grid_faces(n_v, n_u))


def _grid_faces(n_rows: int, n_columns: int) -> NDArray[np.int64]:
    """Two triangles per cell of a row-major grid, counter-clockwise as columns turn into rows."""
    first = np.arange(n_rows)[:, None] * (n_columns + 1) + np.arange(n_columns)
    a, b = first.reshape(-1), first.reshape(-1) + 1
    c, d = a + n_columns + 1, b + n_columns + 1
    return np.concatenate([np.stack([a, b, d], axis=1), np.stack([a, d, c], axis=1)])
