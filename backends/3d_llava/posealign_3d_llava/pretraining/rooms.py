"""Rooms with points, and questions about them that every viewpoint answers alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from posealign_core.align import policy_of, transform_sample
from posealign_core.geometry import Frame
from posealign_core.structures import AlignedSample, AlignSettings, EgoPose, Query, Region
from posealign_core.vocabulary import AlignMode, EgoFrame, PoseSource, TaskKind
from posealign_rooms.catalogue import KINDS
from posealign_rooms.mesh import mesh_of
from posealign_rooms.sampling import (
    questions_of,
    sample_layout,
    sample_viewpoint,
    scene_of,
    world_pose,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import Scene
    from posealign_rooms.layout import Layout

__all__ = ["class_of_points", "sample_room"]

BENCHMARKS: Final = ("scanqa", "sqa3d", "scanrefer", "nr3d", "multi3drefer")
CAPTIONS: Final = 0.3
"""Share of the descriptions of one object that are turned round into captions."""
_CLASSES: Final = {kind: i for i, kind in enumerate(sorted(KINDS))}


def sample_room(
    rng: np.random.Generator, n_objects: int, n_questions: int, spacing_m: float
) -> list[AlignedSample]:
    """Draw a room, a viewpoint, and questions that do not depend on it.

    The room comes in its raw frame, which the encoder turns and shifts as its recipe says, or as
    somebody in it sees it, level or with a pitched camera.

    Args:
        rng: The only source of randomness.
        n_objects: Objects of the room.
        n_questions: Small rooms may give fewer, but at least one.
        spacing_m: Distance between points.
    """
    while True:
        layout = sample_layout(rng, n_objects)
        viewpoint = sample_viewpoint(layout, rng)
        asked = rng.choice(BENCHMARKS, size=2, replace=False).tolist()
        queries = questions_of(layout, viewpoint, rng, asked, n=n_questions, directional=0.0)
        if queries:
            break
    queries = [_as_caption(query) if rng.random() < CAPTIONS else query for query in queries]
    pose = EgoPose(
        reference_from_camera=world_pose(layout, viewpoint),
        intrinsics=viewpoint.intrinsics,
        source=PoseSource.ANNOTATED,
    )
    frame = (None, *EgoFrame)[rng.integers(1 + len(EgoFrame))]
    first = _first(queries[0], _scanned(layout, spacing_m, rng), pose, frame)
    return [replace(first, query=query, region=_region(query)) for query in queries]


def class_of_points(scene: Scene) -> NDArray[np.int64]:
    """(N,) place of each point's kind in the alphabet of kinds, -1 for floor and walls."""
    classes = np.full(len(scene), -1)
    if scene.objects is not None and scene.instance_ids is not None:
        for object_id, label in zip(scene.objects.object_ids, scene.objects.labels, strict=True):
            classes[scene.instance_ids == object_id] = _CLASSES[label]
    return classes


def _scanned(layout: Layout, spacing_m: float, rng: np.random.Generator) -> Scene:
    """The symbolic scene of a room, with the points of its surfaces."""
    mesh = mesh_of(layout, spacing_m, rng)
    return replace(
        scene_of(layout),
        points=mesh.vertices.astype(np.float64),
        colors=mesh.colors,
        normals=mesh.normals.astype(np.float64),
        instance_ids=mesh.instance_ids,
        superpoint_ids=np.unique(mesh.segment_ids, return_inverse=True)[1],
    )


def _as_caption(query: Query) -> Query:
    """A description of one object as the answer to what that object is; others stay."""
    if query.kind is not TaskKind.GROUND or len(query.target_ids) != 1:
        return query
    region = Region(object_id=query.target_ids[0])
    return replace(query, kind=TaskKind.CAPTION, text="", references=(query.text,), region=region)


def _first(query: Query, scene: Scene, pose: EgoPose, frame: EgoFrame | None) -> AlignedSample:
    plain = AlignedSample.unaligned(replace(query, region=None), scene)
    if frame is None:
        return plain
    settings = AlignSettings(modes=frozenset({AlignMode.TRANSFORM}), ego_frame=frame)
    camera = pose.reference_from_camera
    in_input = replace(pose, reference_from_camera=replace(camera, target=Frame.INPUT))
    moved = transform_sample(replace(plain, settings=settings), in_input)
    return replace(moved, policy=policy_of(settings))


def _region(query: Query) -> Region | None:
    """The query's region in INPUT; it is an object, so it has no coordinates to move."""
    return query.region and replace(query.region, frame=Frame.INPUT)
