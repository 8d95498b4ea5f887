"""Poses of SQA3D's situations, which count from the centre of a room that only the scan knows."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.benchmarks.query_poses import query_poses_path, write_query_poses
from posealign_core.benchmarks.sqa3d import SQA3D
from posealign_core.benchmarks.viewpoints import upright_camera, yaw_of_quaternion
from posealign_core.datasets.entries import Entry
from posealign_core.datasets.jobs import run_on_scans
from posealign_core.errors import DataError, FrameMismatchError
from posealign_core.geometry import Frame

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from posealign_core.datasets.base import Dataset
    from posealign_core.geometry import RigidTransform
    from posealign_core.structures import Query, Scene

__all__ = ["EYE_HEIGHT_M", "PlaceReport", "place_situations", "situation_pose"]

EYE_HEIGHT_M = 1.6
"""Height of the asker's eyes above the floor; SQA3D does not say (our choice: a standing adult)."""

_FLOOR_QUANTILE = 0.01


@dataclass(frozen=True, kw_only=True)
class PlaceReport:
    """What `place_situations` did.

    Attributes:
        path: The pose file.
        n_placed: Queries that have a pose in it.
        errors: Why scans could not be read, by scan; their queries have no pose.
        kept: The file was there already.
    """

    path: Path
    n_placed: int
    errors: Mapping[str, str]
    kept: bool


def place_situations(dataset: Dataset, annotations: Path, split: str) -> PlaceReport:
    """Write the pose of every SQA3D situation of a split beside its annotations.

    A pose file that is there already is kept.

    Args:
        dataset: Where the scans come from.
        annotations: Folder with the SQA3D files.
        split: `train`, `val` or `test`.

    Raises:
        DataError: An annotation file is missing or damaged.
    """
    benchmark = SQA3D(annotations)
    queries = benchmark.queries(split)
    path = query_poses_path(benchmark.questions_path(split).parent, benchmark.name, split)
    if path.is_file():
        n_placed = sum(query.annotated_pose is not None for query in queries)
        return PlaceReport(path=path, n_placed=n_placed, errors={}, kept=True)
    by_scene: dict[str, list[Query]] = defaultdict(list)
    for query in queries:
        by_scene[query.scene_id].append(query)
    work = partial(_place_scan, dataset, by_scene)
    outcomes = run_on_scans(work, sorted(by_scene), jobs=1, title=f"placing situations ({split})")
    poses = {name: pose for outcome in outcomes for name, pose in (outcome.result or {}).items()}
    write_query_poses(path, poses)
    errors = {outcome.scene_id: outcome.error for outcome in outcomes if outcome.error}
    return PlaceReport(path=path, n_placed=len(poses), errors=errors, kept=False)


def _place_scan(
    dataset: Dataset, by_scene: Mapping[str, Sequence[Query]], scene_id: str
) -> dict[str, RigidTransform]:
    scene = dataset.scene(scene_id)
    return {query.query_id: situation_pose(query, scene) for query in by_scene[scene_id]}


def situation_pose(query: Query, scene: Scene) -> RigidTransform:
    """World-from-camera of an SQA3D situation.

    The annotated position counts in metres from the centre of the room's x-y extent, in the raw
    orientation; forward is the local -x axis turned by the quaternion's yaw. Measured in benchmarks
    spec 4.5. Height is not annotated: the eyes are put `EYE_HEIGHT_M` above the floor.

    Args:
        query: A query of `SQA3D`, with position and rotation in `extra`.
        scene: Its scan, in WORLD, z up.

    Raises:
        DataError: The query has no annotated place, or the scene has no points.
        FrameMismatchError: The scene is not in WORLD.
    """
    if scene.frame is not Frame.WORLD:
        raise FrameMismatchError(f"situation: wanted the scene in world, found {scene.frame.value}")
    where = f"query {query.query_id!r} of {query.benchmark}"
    if not {"position", "rotation"} <= query.extra.keys() or not len(scene):
        raise DataError(
            f"{where}: wanted an annotated position and rotation and a scan with points, found "
            f"fields {sorted(query.extra)} and {len(scene)} points"
        )
    position, rotation = (
        Entry(json.loads(query.extra[k]), where) for k in ("position", "rotation")
    )
    yaw = yaw_of_quaternion(rotation.number("_z", "z"), rotation.number("_w", "w"))
    middle = (scene.points.min(axis=0) + scene.points.max(axis=0)) / 2
    floor = float(np.quantile(scene.points[:, 2], _FLOOR_QUANTILE))
    eye = (
        middle[0] + position.number("x", "_x"),
        middle[1] + position.number("y", "_y"),
        floor + EYE_HEIGHT_M,
    )
    return upright_camera(eye, (-math.cos(yaw), -math.sin(yaw), 0.0), scene.up)
