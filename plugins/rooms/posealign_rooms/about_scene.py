"""The same questions about any scan: all they need is named boxes and a true camera pose."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import DataError, FrameMismatchError
from posealign_core.geometry import Frame, RigidTransform
from posealign_rooms.layout import Layout, RoomObject
from posealign_rooms.sampling import questions_of
from posealign_rooms.viewpoint import Viewpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.geometry import Intrinsics
    from posealign_core.structures import ObjectTable, Query, Scene

__all__ = ["layout_of", "questions_about"]

POINT_M = 0.02
"""Size of an object of which only the centre is known, metres."""


def questions_about(
    scene: Scene,
    world_from_camera: RigidTransform,
    intrinsics: Intrinsics,
    rng: np.random.Generator,
    kinds: Sequence[str] = ("scanqa", "sqa3d"),
    *,
    n: int = 8,
    directional: float = 1.0,
    attentive: bool = True,
    split: str = "val",
) -> list[Query]:
    """Ask questions about a scan from a camera of it.

    Colours are not known, so nothing is asked about them. Objects that share a label have no name
    of their own and are only spoken of as one of several.

    Args:
        scene: The scan, in WORLD, with an object table; any up direction.
        world_from_camera: The asker's pose, camera axes RDF; roll does not matter.
        intrinsics: The camera, for what is in the image.
        rng: The only source of randomness.
        kinds: Benchmarks to imitate, as for `questions_of`.
        n: How many; fewer where the scan does not give as many.
        directional: Share of questions whose answer depends on the pose.
        attentive: Whether to ask only about what the asker sees.
        split: Name of the split in the queries.

    Raises:
        DataError: The scan has no objects.
        FrameMismatchError: The scan is not in WORLD.
    """
    layout, ids = layout_of(scene)
    pose = layout.aligned_from_world @ world_from_camera
    asked = questions_of(
        layout,
        Viewpoint(pose, intrinsics),
        rng,
        kinds,
        n=n,
        directional=directional,
        attentive=attentive,
        scene_id=scene.scene_id,
        split=split,
    )
    return [
        replace(
            query,
            target_ids=tuple(ids[i] for i in query.target_ids),
            candidates=tuple(ids[i] for i in query.candidates),
            annotated_pose=world_from_camera,
        )
        for query in asked
    ]


def layout_of(scene: Scene) -> tuple[Layout, list[int]]:
    """A scan's boxes as a layout in a frame with z up, and the id of each of its objects.

    Raises:
        DataError: The scan has no objects.
        FrameMismatchError: The scan is not in WORLD.
    """
    if scene.frame is not Frame.WORLD:
        raise FrameMismatchError(f"layout: wanted the scene in world, found {scene.frame.value}")
    table = scene.objects
    if table is None or not len(table):
        raise DataError(f"scene {scene.scene_id!r}: wanted labelled objects, found none")
    upright = _upright_from_world(scene.up)
    lows, highs = _bounds(table, upright)
    objects = tuple(
        RoomObject(
            object_id=i,
            kind=label.lower(),
            color="",
            rgb=(0, 0, 0),
            center=tuple(((low + high) / 2).tolist()),
            size=tuple((high - low).tolist()),
            yaw=0.0,
        )
        for i, (label, low, high) in enumerate(zip(table.labels, lows, highs, strict=True))
    )
    width, depth, height = (highs.max(axis=0) - lows.min(axis=0)).tolist()
    layout = Layout(
        width=width,
        depth=depth,
        height=height,
        objects=objects,
        groups=(),
        aligned_from_world=upright,
    )
    return layout, table.object_ids.tolist()


def _upright_from_world(up: np.ndarray) -> RigidTransform:
    """A turn that takes the up direction to +z; which way x points is of no consequence."""
    side = np.eye(3)[np.abs(up).argmin()]
    x = np.cross(side, up) / np.linalg.norm(np.cross(side, up))
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([x, np.cross(up, x), up])
    return RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.WORLD)


def _bounds(table: ObjectTable, upright: RigidTransform) -> tuple[np.ndarray, np.ndarray]:
    """(K, 3) lowest and highest corner of each object's upright box, metres."""
    if table.corners is None:
        centers = upright.apply(table.centers)
        return centers - POINT_M / 2, centers + POINT_M / 2
    corners = upright.apply(table.corners)
    return corners.min(axis=1), corners.max(axis=1)
