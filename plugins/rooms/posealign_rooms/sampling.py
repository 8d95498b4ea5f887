"""Rooms and questions without files, for training small models on tens of thousands of them.

A curriculum asks for layouts of two, then more objects, and for plain questions before directional
ones::

    layout = sample_layout(rng, n_objects=4)
    viewpoint = sample_viewpoint(layout, rng)
    scene = scene_of(layout)
    queries = questions_of(layout, viewpoint, rng, ("scanqa",), n=8, directional=0.0)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import Frame, corners_from_aabb
from posealign_core.structures import ObjectTable, Query, Scene
from posealign_core.vocabulary import TaskKind
from posealign_rooms.furnish import sample_layout
from posealign_rooms.questions.choose import TOPICS, ask
from posealign_rooms.viewpoint import Sight, Viewpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.geometry import RigidTransform
    from posealign_rooms.layout import Layout
    from posealign_rooms.questions.choose import Asked

__all__ = [
    "query_of",
    "questions_of",
    "sample_layout",
    "sample_viewpoint",
    "scene_of",
    "world_pose",
]


MEAN_SHADE = 0.88
"""Mean brightness of an object's scanned points over its own colour."""


def sample_viewpoint(layout: Layout, rng: np.random.Generator) -> Viewpoint:
    """Stand somewhere free in the room and look at an object, preferably of a group."""
    grouped = [m for group in layout.groups for m in group.members]
    options = grouped or range(len(layout.objects))
    target = layout.objects[options[int(rng.integers(len(options)))]].center
    while True:
        reach, angle = rng.uniform(1.4, 3.4), rng.uniform(-math.pi, math.pi)
        x, y = target[0] + reach * math.cos(angle), target[1] + reach * math.sin(angle)
        if layout.is_free(x, y):
            return Viewpoint.looking((x, y, rng.uniform(1.3, 1.7)), target)


def scene_of(layout: Layout, scene_id: str = "room") -> Scene:
    """A scene whose points are the corners of the objects' boxes, in WORLD.

    Enough for models over objects: each object has its id, label, box, centre and colour.
    """
    n = len(layout.objects)
    own = [_own_corners(layout, i) for i in range(n)]
    points = layout.world_from_aligned.apply(np.concatenate(own)) if own else np.zeros((0, 3))
    rgb = np.array([o.rgb for o in layout.objects]).reshape(-1, 3) * MEAN_SHADE
    return Scene(
        scene_id=scene_id,
        frame=Frame.WORLD,
        points=points,
        colors=np.repeat(rgb.astype(np.uint8), 8, axis=0),
        instance_ids=np.repeat(np.arange(n), 8),
        objects=ObjectTable(
            object_ids=np.arange(n),
            labels=tuple(o.kind for o in layout.objects),
            centers=layout.world_from_aligned.apply(layout.centers),
            corners=layout.world_corners,
        ),
        aligned_from_world=layout.aligned_from_world,
    )


def _own_corners(layout: Layout, i: int) -> np.ndarray:
    """(8, 3) corners of an object's box along its own axes, in the axis-aligned frame."""
    room_object = layout.objects[i]
    c, s = math.cos(room_object.yaw), math.sin(room_object.yaw)
    turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    box = corners_from_aabb([0.0, 0.0, 0.0, *room_object.size])[0]
    corners: np.ndarray = box @ turn + room_object.center
    return corners


def world_pose(layout: Layout, viewpoint: Viewpoint) -> RigidTransform:
    """The viewpoint as world-from-camera."""
    return layout.world_from_aligned @ viewpoint.aligned_from_camera


def questions_of(
    layout: Layout,
    viewpoint: Viewpoint,
    rng: np.random.Generator,
    kinds: Sequence[str] = ("scanqa", "sqa3d"),
    *,
    n: int = 8,
    directional: float = 0.5,
    attentive: bool = False,
    scene_id: str = "room",
    split: str = "train",
) -> list[Query]:
    """Ask n questions from a viewpoint, spread over benchmarks, families and answers.

    Args:
        layout: The room.
        viewpoint: Where the asker stands and looks; it becomes the queries' annotated pose.
        rng: The only source of randomness.
        kinds: Benchmarks to imitate: keys of `questions.choose.TOPICS`.
        n: How many questions; small rooms may give fewer.
        directional: Share of questions whose answer depends on the viewpoint, in [0, 1].
        attentive: Whether questions are only about what the asker sees, as in the written sets.
        scene_id: Name of the scene in the queries.
        split: Name of the split in the queries.
    """
    sight = Sight(layout, viewpoint, attentive=attentive)
    pose = world_pose(layout, viewpoint)
    queries = []
    for i, kind in enumerate(kinds):
        share = n // len(kinds) + (i < n % len(kinds))
        n_directional = int(rng.binomial(share, directional))
        asked = ask(
            TOPICS[kind],
            [sight],
            rng,
            n_directional=n_directional,
            n_plain=share - n_directional,
        )
        queries += [
            query_of(
                one,
                kind,
                query_id=f"{scene_id}|{kind}|{j}",
                scene_id=scene_id,
                split=split,
                pose=pose,
                n_objects=len(layout.objects),
            )
            for j, one in enumerate(asked)
        ]
    return queries


def query_of(
    asked: Asked,
    benchmark: str,
    *,
    query_id: str,
    scene_id: str,
    split: str,
    pose: RigidTransform,
    n_objects: int,
) -> Query:
    """The core's query for one question, with the asker's pose (world-from-camera)."""
    topic = TOPICS[benchmark]
    return Query(
        query_id=query_id,
        benchmark=benchmark,
        split=split,
        scene_id=scene_id,
        kind=topic.kind,
        text=asked.text,
        situation=asked.situation,
        target_ids=asked.item.targets,
        references=(asked.item.answer,) if asked.item.answer else (),
        annotated_pose=pose,
        candidates=tuple(range(n_objects)) if topic.kind is TaskKind.SELECT else (),
        extra={
            "direction_critical": "true" if asked.directional else "false",
            "family": asked.family,
        },
    )
