"""Rooms with questions that every viewpoint answers alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from posealign_core.align import policy_of, transform_sample
from posealign_core.geometry import Frame
from posealign_core.structures import AlignedSample, AlignSettings, EgoPose, Query, Region
from posealign_core.vocabulary import AlignMode, EgoFrame, PoseSource, TaskKind
from posealign_rooms.mesh import mesh_of
from posealign_rooms.sampling import (
    questions_of,
    sample_layout,
    sample_viewpoint,
    scene_of,
    world_pose,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.structures import Scene
    from posealign_rooms.layout import Layout

__all__ = ["FRAMES", "DrawnRoom", "draw_room", "look_at", "scanned"]

BENCHMARKS: Final = ("scanqa", "sqa3d", "scanrefer", "nr3d", "multi3drefer")
CAPTIONS: Final = 0.3
"""Share of the descriptions of one object that are turned round into captions."""
FRAMES: Final = (None, *EgoFrame)
"""Frames that a room is shown in: its raw one, or as somebody in it sees it, level or pitched."""


class DrawnRoom(NamedTuple):
    """A room and questions about it.

    Attributes:
        layout: The room; ids of objects count from 0.
        samples: One per question, all of one scene in INPUT; empty where the room gives none.
    """

    layout: Layout
    samples: list[AlignedSample]


def draw_room(rng: np.random.Generator, n_objects: int, *, renamed: float = 0.0) -> Layout:
    """Furnish a room.

    Args:
        rng: The only source of randomness.
        n_objects: Objects in it.
        renamed: Share of rooms in which one kind of object goes by a word that nobody knows.
    """
    layout = sample_layout(rng, n_objects)
    return _with_unknown_kind(layout, rng) if rng.random() < renamed else layout


def scanned(layout: Layout, spacing_m: float, rng: np.random.Generator) -> Scene:
    """The scene of a room with points, colours, normals, instances and superpoints.

    `sampling.scene_of` gives the symbolic one, which is faster.

    Args:
        layout: The room.
        spacing_m: Distance between neighbouring points, metres.
        rng: Source of the colour noise.
    """
    mesh = mesh_of(layout, spacing_m, rng)
    return replace(
        scene_of(layout),
        points=mesh.vertices.astype(np.float64),
        colors=mesh.colors,
        normals=mesh.normals.astype(np.float64),
        instance_ids=mesh.instance_ids,
        superpoint_ids=np.unique(mesh.segment_ids, return_inverse=True)[1],
    )


def look_at(
    layout: Layout,
    scene: Scene,
    rng: np.random.Generator,
    *,
    n_questions: int,
    frames: Sequence[EgoFrame | None] = FRAMES,
) -> DrawnRoom:
    """Choose a viewpoint, the frame that the room is shown in, and questions about it.

    Args:
        layout: The room.
        scene: Its scene in WORLD, symbolic or scanned.
        rng: The only source of randomness.
        n_questions: The rooms' own, from two of the benchmarks; small rooms give fewer.
        frames: One of them is drawn.
    """
    viewpoint = sample_viewpoint(layout, rng)
    asked = rng.choice(BENCHMARKS, size=2, replace=False).tolist()
    queries = questions_of(layout, viewpoint, rng, asked, n=n_questions, directional=0.0)
    queries = [_as_caption(query) if rng.random() < CAPTIONS else query for query in queries]
    pose = EgoPose(
        reference_from_camera=world_pose(layout, viewpoint),
        intrinsics=viewpoint.intrinsics,
        source=PoseSource.ANNOTATED,
    )
    frame = frames[int(rng.integers(len(frames)))]
    return DrawnRoom(layout, _in_frame(queries, scene, pose, frame))


def _with_unknown_kind(layout: Layout, rng: np.random.Generator) -> Layout:
    """The room with one kind of object under a made-up name."""
    kind = layout.objects[rng.integers(len(layout.objects))].kind
    name = "".join(rng.choice(list("abdegiklmnoprtuvz"), size=7))
    return replace(
        layout,
        objects=tuple(replace(o, kind=name) if o.kind == kind else o for o in layout.objects),
    )


def _as_caption(query: Query) -> Query:
    """A description of one object as the answer to what that object is; others stay."""
    if query.kind is not TaskKind.GROUND or len(query.target_ids) != 1:
        return query
    region = Region(object_id=query.target_ids[0])
    return replace(query, kind=TaskKind.CAPTION, text="", references=(query.text,), region=region)


def _in_frame(
    queries: list[Query], scene: Scene, pose: EgoPose, frame: EgoFrame | None
) -> list[AlignedSample]:
    """The queries about the scene in an ego frame, or in its raw frame; it is moved only once."""
    if not queries:
        return []
    first = AlignedSample.unaligned(replace(queries[0], region=None), scene)
    if frame is not None:
        settings = AlignSettings(modes=frozenset({AlignMode.TRANSFORM}), ego_frame=frame)
        first = transform_sample(replace(first, settings=settings), _in_input(pose))
        first = replace(first, policy=policy_of(settings))
    return [replace(first, query=query, region=_region(query)) for query in queries]


def _in_input(pose: EgoPose) -> EgoPose:
    camera = pose.reference_from_camera
    return replace(pose, reference_from_camera=replace(camera, target=Frame.INPUT))


def _region(query: Query) -> Region | None:
    """The query's region in INPUT; it is an object, so it has no coordinates to move."""
    return query.region and replace(query.region, frame=Frame.INPUT)
