"""Queries, answers and a scan for the tests of protocols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.evaluation import BenchmarkResult, score_predictions
from posealign_core.evaluation.metrics import TextTools
from posealign_core.geometry import Frame, RigidTransform, corners_from_aabb
from posealign_core.structures import ObjectTable, Prediction, Query, RunLengthMask, Scene

if TYPE_CHECKING:
    from posealign_core.vocabulary import TaskKind

CHAIR, TABLE, DOOR = (
    (0.0, 0.0, 0.0, 1.0, 1.0, 1.0),
    (5.0, 0.0, 0.0, 1.0, 2.0, 1.0),
    (9.0, 9.0, 0.0, 1.0, 1.0, 1.0),
)
NEAR_CHAIR = (0.5, 0.0, 0.0, 1.0, 1.0, 1.0)
"""Overlaps the chair by a third."""
IDS = (0, 3, 7)
NO_JAVA = TextTools(java=False)


def query(benchmark: str, key: str, kind: TaskKind, scene: str = "s0", **fields: Any) -> Query:
    values: dict[str, Any] = {"text": "?", **fields}
    return Query(
        query_id=key, benchmark=benchmark, split="val", scene_id=scene, kind=kind, **values
    )


def answer(key: str, text: str = "", **fields: Any) -> Prediction:
    return Prediction(query_id=key, benchmark="toy", scene_id="s0", text=text, **fields)


def scene(scene_id: str) -> Scene:
    """Chair, table and door, boxes along the axes of a frame that is turned by 30 degrees.

    Each object has two points at opposite corners of its box; two more belong to none.
    """
    c, s = np.cos(np.pi / 6), np.sin(np.pi / 6)
    matrix = np.array([[c, -s, 0, 2.0], [s, c, 0, 1.0], [0, 0, 1, 0], [0, 0, 0, 1]])
    aligned_from_world = RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.WORLD)
    corners = in_world_of(aligned_from_world, CHAIR, TABLE, DOOR)
    return Scene(
        scene_id=scene_id,
        frame=Frame.WORLD,
        points=np.concatenate([corners[:, [0, 7]].reshape(6, 3), np.zeros((2, 3))]),
        instance_ids=np.array([0, 0, 3, 3, 7, 7, -1, -1]),
        objects=ObjectTable(
            object_ids=np.array(IDS),
            labels=("chair", "table", "door"),
            centers=corners.mean(axis=1),
            corners=corners,
        ),
        aligned_from_world=aligned_from_world,
    )


def in_world_of(aligned_from_world: RigidTransform, *boxes: Any) -> np.ndarray:
    return aligned_from_world.inverse().apply(corners_from_aabb(boxes))


def in_world(*boxes: Any) -> np.ndarray:
    return in_world_of(scene("s0").aligned_from_world, *boxes)


def mask(*points: int) -> RunLengthMask:
    return RunLengthMask.encode([i in points for i in range(8)])


def score(
    queries: list[Query], answers: list[Prediction], protocol: str, **options: Any
) -> BenchmarkResult:
    return score_predictions(
        queries, answers, scene, protocol=protocol, **{"tools": NO_JAVA, **options}
    )
