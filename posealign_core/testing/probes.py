"""Samples made so that one property shows: a world moved as a whole, or everything in one place."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import Frame, RigidTransform
from posealign_core.structures import AugmentPolicy, ObjectTable, Scene

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from posealign_core.structures import AlignedSample, EgoPose, Query

__all__ = [
    "NOTHING_ALLOWED",
    "at_one_place",
    "motion",
    "move_world",
    "scene_at",
    "with_pose_moved",
    "with_scene_moved",
]

NOTHING_ALLOWED = AugmentPolicy(
    **{field.name: False for field in dataclasses.fields(AugmentPolicy)}
)


def motion(frame: Frame) -> RigidTransform:
    """A turn about a tilted axis and a shift of metres, within one frame."""
    a, b = 0.9, 0.4
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_z @ about_x
    matrix[:3, 3] = (-2.0, 4.5, 1.5)
    return RigidTransform(matrix, frame, frame)


def move_world(query: Query, scene: Scene, pose: EgoPose) -> tuple[Query, Scene, EgoPose]:
    """Describe the same room, asker and question in another WORLD frame.

    Everything stated in WORLD moves together, the alignment with the room's axes included, so a
    result that does not depend on the choice of WORLD stays the same.
    """
    move = motion(Frame.WORLD)
    annotated = query.annotated_pose
    return (
        dataclasses.replace(
            query,
            region=None if query.region is None else query.region.moved(move),
            annotated_pose=None if annotated is None else move @ annotated,
        ),
        dataclasses.replace(
            scene.moved(move), aligned_from_world=scene.aligned_from_world @ move.inverse()
        ),
        pose.moved(move),
    )


def with_scene_moved(sample: AlignedSample) -> AlignedSample:
    """The sample with its scene elsewhere, and all else as it was."""
    return dataclasses.replace(sample, scene=sample.scene.moved(motion(Frame.INPUT)))


def with_pose_moved(sample: AlignedSample, shift_m: ArrayLike) -> AlignedSample:
    """The sample with its pose shifted in INPUT, and all else as it was."""
    if sample.pose is None:
        return sample
    matrix = np.eye(4)
    matrix[:3, 3] = shift_m
    move = RigidTransform(matrix, Frame.INPUT, Frame.INPUT)
    return dataclasses.replace(sample, pose=sample.pose.moved(move))


def scene_at(place: ArrayLike, *, frame: Frame = Frame.WORLD) -> Scene:
    """A scene of one chair (id 1) whose eight points all lie in one place (3,), metres."""
    center = np.asarray(place, dtype=np.float64)
    return Scene(
        scene_id="place",
        frame=frame,
        points=np.tile(center, (8, 1)),
        colors=np.full((8, 3), 128, dtype=np.uint8),
        normals=np.tile([0.0, 0.0, 1.0], (8, 1)),
        instance_ids=np.ones(8, dtype=np.int64),
        superpoint_ids=np.zeros(8, dtype=np.int64),
        objects=ObjectTable(
            object_ids=np.array([1]),
            labels=("chair",),
            centers=center[None],
            corners=np.tile(center, (1, 8, 1)),
        ),
    )


def at_one_place(sample: AlignedSample) -> AlignedSample:
    """The sample with all points in one place, so that random subsampling cannot be seen."""
    place = sample.scene.points.mean(axis=0)
    return dataclasses.replace(sample, scene=scene_at(place, frame=Frame.INPUT))
