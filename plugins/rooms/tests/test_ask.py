from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from posealign_core.benchmarks.generic import GenericQuestions
from posealign_core.datasets.generic import Generic
from posealign_rooms.ask import ask_about

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scans(tmp_path: Path) -> Generic:
    """A Y-up scan with OpenGL cameras and a lost frame: a stove left, a fridge right."""
    folder = tmp_path / "kitchen"
    folder.mkdir()
    np.save(folder / "points.npy", np.random.default_rng(0).uniform(-1, 1, (50, 3)))
    boxes = [
        {"id": i, "label": label, "center": center, "size": [0.5, 0.9, 0.5]}
        for i, label, center in (
            (1, "stove", [-2.0, 0.5, -1.0]),
            (2, "fridge", [2.0, 0.5, -1.0]),
            (3, "table", [0.0, 0.4, -2.5]),
        )
    ]
    (folder / "boxes.json").write_text(json.dumps(boxes))
    poses = np.tile(np.eye(4), (2, 1, 1))
    poses[0, :3, 3] = [0.0, 1.5, 1.0]
    poses[1] = -math.inf
    np.save(folder / "poses.npy", poses)
    camera = {"fx": 300, "fy": 300, "cx": 320, "cy": 240, "width": 640, "height": 480}
    (folder / "intrinsics.json").write_text(json.dumps(camera))
    (folder / "scene.json").write_text(json.dumps({"up": [0, 1, 0], "camera_axes": "rub"}))
    return Generic(tmp_path)


def test_answers_follow_the_boxes_and_the_true_pose(scans: Generic) -> None:
    ask_about(scans, "kitchen", per_view=60, seed=0)
    queries = GenericQuestions(scans.root).queries("test")
    answers = {q.text: q.references for q in queries}
    assert answers["Should I turn left or right to face the fridge?"] == ("right",)
    assert answers["Should I turn left or right to face the stove?"] == ("left",)


def test_the_pose_beside_a_question_is_the_camera_and_lost_frames_ask_nothing(
    scans: Generic,
) -> None:
    ask_about(scans, "kitchen", per_view=8, seed=0)
    queries = GenericQuestions(scans.root).queries("test")
    assert queries
    for query in queries:
        assert query.query_id.startswith("kitchen|0-")
        assert query.extra["direction_critical"] == "true"
        assert query.annotated_pose is not None
        np.testing.assert_allclose(
            query.annotated_pose.matrix, scans.trajectory("kitchen").pose(0).matrix, atol=1e-12
        )


def test_the_same_seed_asks_the_same(scans: Generic) -> None:
    first = ask_about(scans, "kitchen", per_view=8, seed=3).read_bytes()
    assert ask_about(scans, "kitchen", per_view=8, seed=3).read_bytes() == first
