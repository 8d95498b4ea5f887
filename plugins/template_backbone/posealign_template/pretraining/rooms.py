"""Rooms with questions that every viewpoint answers alike."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from posealign_core.align import transform_sample
from posealign_core.geometry import Frame
from posealign_core.structures import AlignedSample, AlignSettings, EgoPose, Query, Region
from posealign_core.vocabulary import AlignMode, EgoFrame, PoseSource, TaskKind
from posealign_rooms.sampling import (
    questions_of,
    sample_layout,
    sample_viewpoint,
    scene_of,
    world_pose,
)
from posealign_template.pretraining.coordinates import ask_coordinates

if TYPE_CHECKING:
    import numpy as np

    from posealign_core.structures import Scene
    from posealign_rooms.layout import Layout

__all__ = ["sample_room"]

BENCHMARKS: Final = ("scanqa", "sqa3d", "scanrefer", "nr3d", "multi3drefer")
N_PLAIN, N_COORDINATE = 6, 4
RENAMED: Final = 0.2
"""Share of rooms in which one kind of object goes by a word that nobody knows."""
CAPTIONS: Final = 0.3
"""Share of the descriptions of one object that are turned round into captions."""


def sample_room(rng: np.random.Generator, n_objects: int) -> list[AlignedSample]:
    """Draw a room, a viewpoint, and questions that do not depend on it.

    The room comes in its raw frame or as somebody in it sees it, level or with a pitched camera.
    Six questions are the rooms' own, up to four are about coordinates; in small rooms there are
    fewer, or none.
    """
    layout = sample_layout(rng, n_objects)
    if rng.random() < RENAMED:
        layout = _with_unknown_kind(layout, rng)
    viewpoint = sample_viewpoint(layout, rng)
    asked = rng.choice(BENCHMARKS, size=2, replace=False).tolist()
    queries = questions_of(layout, viewpoint, rng, asked, n=N_PLAIN, directional=0.0)
    queries = [_as_caption(query) if rng.random() < CAPTIONS else query for query in queries]
    pose = EgoPose(
        reference_from_camera=world_pose(layout, viewpoint),
        intrinsics=viewpoint.intrinsics,
        source=PoseSource.ANNOTATED,
    )
    frame = (None, *EgoFrame)[rng.integers(1 + len(EgoFrame))]
    samples = _in_frame(queries, scene_of(layout), pose, frame)
    if samples:
        samples += ask_coordinates(samples[0], layout, rng, N_COORDINATE)
    return samples


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
    first = AlignedSample.unaligned(queries[0], scene)
    if frame is not None:
        settings = AlignSettings(modes=frozenset({AlignMode.TRANSFORM}), ego_frame=frame)
        first = transform_sample(replace(first, pose=None, settings=settings), _in_input(pose))
    return [replace(first, query=q, region=_region(q)) for q in queries]


def _in_input(pose: EgoPose) -> EgoPose:
    camera = pose.reference_from_camera
    return replace(pose, reference_from_camera=replace(camera, target=Frame.INPUT))


def _region(query: Query) -> Region | None:
    """The query's region in INPUT; it is an object, so it has no coordinates to move."""
    return query.region and replace(query.region, frame=Frame.INPUT)
