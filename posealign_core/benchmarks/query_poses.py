"""Poses that come beside an annotation file: `query_poses_<benchmark>_<split>.json`.

The file maps query ids to `{"world_from_camera": 4x4, "direction_critical": true, ...}`. The matrix
takes the asker's camera (right, down, forward) to WORLD, metres. Every other field is kept in
`Query.extra` as text, booleans as "true" and "false".
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import write_text
from posealign_core.datasets.entries import Entry
from posealign_core.datasets.files import read_json
from posealign_core.datasets.numbers import numeric_array
from posealign_core.errors import DataError, ShapeError
from posealign_core.geometry import Frame, RigidTransform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from posealign_core.structures import Query

__all__ = ["as_text", "complete_queries", "pose_of_matrix", "query_poses_path", "write_query_poses"]

_MATRIX = "world_from_camera"


def query_poses_path(folder: Path, benchmark: str, split: str) -> Path:
    """Where the poses of a benchmark's split lie, beside its annotation file."""
    return folder / f"query_poses_{benchmark}_{split}.json"


def complete_queries(
    queries: Sequence[Query], annotation: Path, benchmark: str, split: str
) -> list[Query]:
    """Check that ids are distinct, and add the poses that lie beside the annotation file.

    Raises:
        DataError: Two queries share an id, or the pose file is damaged or names an unknown query.
    """
    counts = Counter(query.query_id for query in queries)
    twice = [query_id for query_id, count in counts.items() if count > 1]
    if twice:
        raise DataError(
            f"{annotation}: {len(twice)} queries are there more than once, first {twice[0]!r}; "
            "remove the copies"
        )
    path = query_poses_path(annotation.parent, benchmark, split)
    poses = _read_query_poses(path) if path.is_file() else {}
    unknown = poses.keys() - counts.keys()
    if unknown:
        raise DataError(
            f"{path}: {len(unknown)} poses are of no query in {annotation.name}, first "
            f"{min(unknown)!r}; the two files are of different versions"
        )
    return [
        _with_pose(query, poses[query.query_id]) if query.query_id in poses else query
        for query in queries
    ]


def write_query_poses(path: Path, poses: Mapping[str, RigidTransform]) -> None:
    """Write a pose file.

    Args:
        path: The file.
        poses: World-from-camera of each query, by query id.
    """
    rows = {query_id: {_MATRIX: pose.matrix.tolist()} for query_id, pose in poses.items()}
    write_text(path, json.dumps(rows, indent=1) + "\n")


def as_text(value: Any) -> str:
    """A field's value as `Query.extra` holds it."""
    return value if isinstance(value, str) else json.dumps(value)


def pose_of_matrix(matrix: Any, where: str) -> RigidTransform:
    """World-from-camera from nested lists.

    Raises:
        DataError: They are no finite rigid 4x4 matrix.
    """
    numbers = numeric_array(where, matrix, (4, 4), float)
    try:
        return RigidTransform(numbers, Frame.WORLD, Frame.CAMERA)
    except ShapeError as error:
        raise DataError(f"{where}: {error}") from error


def _read_query_poses(path: Path) -> dict[str, Entry]:
    rows = Entry(read_json(path), str(path))
    return {name: Entry(row, f"{path}, {name!r}") for name, row in rows.values.items()}


def _with_pose(query: Query, entry: Entry) -> Query:
    others = {key: as_text(value) for key, value in entry.values.items() if key != _MATRIX}
    pose = query.annotated_pose
    if _MATRIX in entry:
        pose = pose_of_matrix(entry.get(_MATRIX), f"{entry.where}, {_MATRIX}")
    return replace(query, annotated_pose=pose, extra={**query.extra, **others})
