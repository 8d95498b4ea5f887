"""A small furnished room, cameras around it and one query of each kind, made by arithmetic.

Small enough for a test, awkward enough to find faults: the room is turned and shifted in WORLD, its
object ids have gaps, and no two objects look alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from posealign_core.errors import ShapeError
from posealign_core.geometry import (
    Frame,
    Intrinsics,
    RigidTransform,
    aabb_of_points,
    corners_from_aabb,
    move_corners,
)
from posealign_core.structures import (
    CameraTrajectory,
    EgoPose,
    ObjectTable,
    Query,
    Region,
    Scene,
)
from posealign_core.vocabulary import PoseSource, TaskKind

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CAMERA",
    "corners_of",
    "look_at",
    "pose_towards",
    "region_of",
    "toy_queries",
    "toy_scene",
    "toy_trajectory",
    "world_from_room",
]

CAMERA = Intrinsics(fx=60.0, fy=60.0, cx=40.0, cy=30.0, width=80, height=60)
"""The camera of every toy pose: 80 x 60 pixels, 67 degrees wide."""

# label, id, centre (x, y, z) in room metres, colour; chair and table stand apart along y.
_FURNITURE = (
    ("chair", 1, (0.1, 1.0, 0.5), (200, 40, 40)),
    ("table", 3, (-0.1, -1.1, 0.4), (40, 180, 60)),
    ("lamp", 4, (1.3, 0.2, 1.2), (230, 220, 80)),
    ("bed", 7, (-1.4, 0.4, 0.3), (60, 70, 210)),
)
_OBJECT_SIDE_M = 0.4


def world_from_room() -> RigidTransform:
    """Where the room lies in WORLD: turned by 0.7 rad about z, and metres away from the origin."""
    c, s = np.cos(0.7), np.sin(0.7)
    matrix = np.array([[c, -s, 0, 5.0], [s, c, 0, -3.0], [0, 0, 1, 0.4], [0, 0, 0, 1]])
    return RigidTransform(matrix, Frame.WORLD, Frame.AXIS_ALIGNED)


def toy_scene(
    *,
    n_objects: int = 4,
    points_per_object: int = 60,
    background: bool = True,
    colors: bool = True,
    seed: int = 0,
) -> Scene:
    """Build the room, in WORLD.

    Args:
        n_objects: 0 to 4 of chair, table, lamp and bed (ids 1, 3, 4, 7), 0.4 m cubes.
        points_per_object: Points on each.
        background: Whether there is a floor of 200 points with instance id -1.
        colors: Whether points have colours.
        seed: Of the points' places; the objects stand still.
    """
    rng = np.random.default_rng(seed)
    parts = [_object_points(rng, i, points_per_object) for i in range(n_objects)]
    if background:
        floor = np.column_stack([rng.uniform(-2.5, 2.5, (200, 2)), np.zeros(200)])
        parts.append(_Part(floor, np.full(200, -1), np.full((200, 3), 128, dtype=np.uint8)))
    points = np.concatenate([np.zeros((0, 3)), *(part.points for part in parts)])
    ids = np.concatenate([np.zeros(0, dtype=np.int64), *(part.ids for part in parts)])
    tints = np.concatenate([np.zeros((0, 3), dtype=np.uint8), *(part.colors for part in parts)])
    move = world_from_room()
    return Scene(
        scene_id="toy",
        frame=Frame.WORLD,
        points=move.apply(points),
        colors=tints if colors else None,
        normals=move.apply_direction(np.tile([0.0, 0.0, 1.0], (len(points), 1))),
        instance_ids=ids,
        superpoint_ids=np.unique(ids, return_inverse=True)[1],
        objects=_object_table(points, ids, n_objects),
        aligned_from_world=move.inverse(),
    )


class _Part(NamedTuple):
    """Some points (n, 3) in room metres, their object ids (n,) and colours (n, 3)."""

    points: NDArray[np.float64]
    ids: NDArray[np.int64]
    colors: NDArray[np.uint8]


def _object_points(rng: np.random.Generator, index: int, n_points: int) -> _Part:
    """Points that fill a cube."""
    _, object_id, center, color = _FURNITURE[index]
    offsets = rng.uniform(-_OBJECT_SIDE_M / 2, _OBJECT_SIDE_M / 2, (n_points, 3))
    colors = np.tile(np.array(color, dtype=np.uint8), (n_points, 1))
    return _Part(center + offsets, np.full(n_points, object_id), colors)


def _object_table(
    points: NDArray[np.float64], ids: NDArray[np.int64], n_objects: int
) -> ObjectTable:
    present = [(label, i) for label, i, _, _ in _FURNITURE[:n_objects] if (ids == i).any()]
    boxes = np.array([aabb_of_points(points[ids == i]) for _, i in present]).reshape(-1, 6)
    move = world_from_room()
    return ObjectTable(
        object_ids=np.array([i for _, i in present], dtype=np.int64),
        labels=tuple(label for label, _ in present),
        centers=move.apply(boxes[:, :3]),
        corners=move_corners(move, corners_from_aabb(boxes)),
    )


def look_at(position: ArrayLike, target: ArrayLike) -> RigidTransform:
    """World-from-camera (RDF) of an upright camera at `position` looking at `target` (metres)."""
    eye = np.asarray(position, dtype=np.float64)
    forward = np.asarray(target, dtype=np.float64) - eye
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.column_stack([right, np.cross(forward, right), forward])
    matrix[:3, 3] = eye
    return RigidTransform(matrix, Frame.WORLD, Frame.CAMERA)


def pose_towards(heading_rad: float, *, distance_m: float = 3.0) -> EgoPose:
    """An asker at eye height who looks at the middle of the room.

    Args:
        heading_rad: Direction of view in the room: 0 looks along +x, with the chair on the left and
            the table on the right; pi looks along -x, with the two swapped.
        distance_m: Horizontal distance from the middle.
    """
    ahead = np.array([np.cos(heading_rad), np.sin(heading_rad), 0.0])
    eye = world_from_room().apply(-distance_m * ahead + [0.0, 0.0, 1.5])
    middle = world_from_room().apply([0.0, 0.0, 0.7])
    return EgoPose(
        reference_from_camera=look_at(eye, middle), intrinsics=CAMERA, source=PoseSource.USER
    )


def toy_trajectory(*, n_frames: int = 6) -> CameraTrajectory:
    """Cameras on a circle around the room; the last frame has lost its pose (NaN)."""
    headings = np.linspace(0, 2 * np.pi, n_frames, endpoint=False)
    poses = np.array([pose_towards(h).reference_from_camera.matrix for h in headings])
    poses[-1] = np.nan
    return CameraTrajectory(
        scene_id="toy",
        frame_ids=tuple(str(10 * i) for i in range(n_frames)),
        world_from_camera=poses,
        intrinsics=(CAMERA,) * n_frames,
    )


def corners_of(object_id: int) -> NDArray[np.float64]:
    """(8, 3) box corners of an object of `toy_scene`, metres, in WORLD.

    Raises:
        ShapeError: It has no such object.
    """
    objects = toy_scene().objects
    row = None if objects is None else objects.index_of(object_id)
    if objects is None or objects.corners is None or row is None:
        raise ShapeError(f"toy scene: wanted object 1, 3, 4 or 7, found {object_id}")
    corners: NDArray[np.float64] = objects.corners[row]
    return corners


def region_of(object_id: int) -> Region:
    """The place of an object of `toy_scene`, as id, click and box in WORLD."""
    corners = corners_of(object_id)
    return Region(object_id=object_id, click=corners.mean(axis=0), corners=corners)


def toy_queries() -> list[Query]:
    """One query of each kind about `toy_scene`, each about the chair, with an annotated pose."""
    common: dict[str, Any] = {
        "benchmark": "toy",
        "split": "train",
        "scene_id": "toy",
        "target_ids": (1,),
        "annotated_pose": pose_towards(0.0).reference_from_camera,
    }
    return [
        Query(
            query_id="toy-answer",
            kind=TaskKind.ANSWER,
            text="is the chair on my left or right",
            references=("left",),
            **common,
        ),
        Query(
            query_id="toy-caption",
            kind=TaskKind.CAPTION,
            text="",
            references=("a red chair",),
            region=region_of(1),
            **common,
        ),
        Query(query_id="toy-ground", kind=TaskKind.GROUND, text="the chair on my left", **common),
        Query(
            query_id="toy-select",
            kind=TaskKind.SELECT,
            text="the chair on my left",
            candidates=(1, 3),
            **common,
        ),
    ]
