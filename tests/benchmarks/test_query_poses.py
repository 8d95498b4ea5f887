"""Pose files beside annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from data_files import look_poses, write_json

from posealign_core.benchmarks.query_poses import (
    complete_queries,
    pose_of_matrix,
    query_poses_path,
    write_query_poses,
)
from posealign_core.errors import DataError
from posealign_core.structures import Query
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path


def _query(query_id: str) -> Query:
    return Query(
        query_id=query_id,
        benchmark="b",
        split="val",
        scene_id="s",
        kind=TaskKind.ANSWER,
        text="?",
        extra={"old": "kept"},
    )


def test_poses_and_fields_reach_their_queries(tmp_path: Path) -> None:
    pose = look_poses(2)[1]
    rows = {
        "q2": {
            "world_from_camera": pose.tolist(),
            "direction_critical": True,
            "twin": 4,
            "word": "left",
        },
        "q3": {"direction_critical": False},
    }
    write_json(query_poses_path(tmp_path, "b", "val"), rows)
    first, second, third = complete_queries(
        [_query("q1"), _query("q2"), _query("q3")], tmp_path / "a.json", "b", "val"
    )
    assert first.annotated_pose is None
    assert dict(first.extra) == {"old": "kept"}
    assert second.annotated_pose is not None
    np.testing.assert_array_equal(second.annotated_pose.matrix, pose)
    assert dict(second.extra) == {
        "old": "kept",
        "direction_critical": "true",
        "twin": "4",
        "word": "left",
    }
    assert third.annotated_pose is None
    assert third.extra["direction_critical"] == "false"


def test_without_a_pose_file_queries_stay_as_they_are(tmp_path: Path) -> None:
    queries = [_query("q1")]
    assert complete_queries(queries, tmp_path / "a.json", "b", "val") == queries


def test_what_is_written_is_read(tmp_path: Path) -> None:
    pose = pose_of_matrix(look_poses(3)[2].tolist(), "here")
    write_query_poses(query_poses_path(tmp_path, "b", "val"), {"q1": pose})
    (query,) = complete_queries([_query("q1")], tmp_path / "a.json", "b", "val")
    assert query.annotated_pose is not None
    np.testing.assert_array_equal(query.annotated_pose.matrix, pose.matrix)


def test_duplicates_and_strangers_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 queries are there more than once, first 'q1'"):
        complete_queries([_query("q1"), _query("q1")], tmp_path / "a.json", "b", "val")
    write_json(query_poses_path(tmp_path, "b", "val"), {"q9": {}})
    with pytest.raises(DataError, match=r"of no query in a\.json, first 'q9'"):
        complete_queries([_query("q1")], tmp_path / "a.json", "b", "val")


@pytest.mark.parametrize(
    "matrix", [[[1, 2], [3, 4]], (2 * np.eye(4)).tolist(), [[float("nan")] * 4] * 4, "pose", None]
)
def test_matrices_that_are_no_pose_are_named(tmp_path: Path, matrix: object) -> None:
    write_json(query_poses_path(tmp_path, "b", "val"), {"q1": {"world_from_camera": matrix}})
    with pytest.raises(DataError, match=r"query_poses_b_val\.json, 'q1', world_from_camera"):
        complete_queries([_query("q1")], tmp_path / "a.json", "b", "val")
