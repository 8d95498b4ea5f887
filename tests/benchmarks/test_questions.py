"""ScanQA and SQA3D, with the poses of SQA3D's situations."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from data_files import write_json, write_ply, write_scan
from hypothesis import given, settings
from hypothesis import strategies as st

from posealign_core.benchmarks.scanqa import ScanQA, question_class
from posealign_core.benchmarks.situations import EYE_HEIGHT_M, place_situations, situation_pose
from posealign_core.benchmarks.sqa3d import SQA3D, question_prefix
from posealign_core.benchmarks.viewpoints import upright_camera
from posealign_core.datasets.scannet import ScanNet
from posealign_core.errors import DataError, FrameMismatchError
from posealign_core.geometry import Frame, RigidTransform
from posealign_core.structures import Query, Scene
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path


def test_scanqa_questions(tmp_path: Path) -> None:
    entry = {
        "scene_id": "scene0011_00",
        "object_ids": [8, 9],
        "object_names": ["chair", "table"],
        "question_id": "val-scene0011-0",
        "question": "What color is the chair?",
        "answers": ["brown", "dark brown"],
    }
    test = {key: entry[key] for key in ("scene_id", "question_id", "question")}
    write_json(tmp_path / "ScanQA_v1.0_val.json", [entry])
    write_json(tmp_path / "ScanQA_v1.0_test_wo_obj.json", [test])
    (query,) = ScanQA(tmp_path).queries("val")
    assert (query.query_id, query.kind) == ("val-scene0011-0", TaskKind.ANSWER)
    assert (query.target_ids, query.references) == ((8, 9), ("brown", "dark brown"))
    assert dict(query.extra) == {
        "question_type": "color",
        "object_names": '["chair", "table"]',
    }
    (blind,) = ScanQA(tmp_path).queries("test_wo_obj")
    assert (blind.target_ids, blind.references) == ((), ())


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Where is the lamp?", "place"),
        ("How many chairs are there?", "number"),
        ("What color is it?", "color"),
        ("What is the color of it?", "color"),
        ("What kind of table?", "object nature"),
        ("What is on the desk?", "object"),
        ("where is it?", "other"),
        ("Is it Where they say What is?", "place"),
    ],
)
def test_scanqa_classes_follow_the_order_of_phrases(question: str, expected: str) -> None:
    assert question_class(question) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What's behind me?", "what"),
        ("  Is it on?", "is"),
        ("Island or not?", "is"),
        ("How far?", "how"),
        ("Can I?", "can"),
        ("Which side?", "which"),
        ("If I turn?", "others"),
    ],
)
def test_sqa3d_types_are_prefixes(question: str, expected: str) -> None:
    assert question_prefix(question) == expected


def _write_sqa3d(
    root: Path, position: dict[str, float], rotation: dict[str, float], n: int = 1
) -> None:
    questions = [
        {
            "scene_id": "scene0000_00",
            "situation": "I stand by the desk.",
            "alternative_situation": ["The desk is near me."],
            "question": "Which way is the door?",
            "question_id": 220602000000 + i,
        }
        for i in range(n)
    ]
    annotations = [
        {
            "scene_id": "scene0000_00",
            "question_type": "N/A",
            "answer_type": "other",
            "question_id": question["question_id"],
            "answers": [{"answer": "left", "answer_confidence": "yes", "answer_id": 1}],
            "rotation": rotation,
            "position": position,
        }
        for question in questions
    ]
    write_json(root / "v1_balanced_questions_test_scannetv2.json", {"questions": questions})
    write_json(
        root / "v1_balanced_sqa_annotations_test_scannetv2.json", {"annotations": annotations}
    )


def _quaternion(yaw: float) -> dict[str, float]:
    return {"_x": 0.0, "_y": 0.0, "_z": math.sin(yaw / 2), "_w": math.cos(yaw / 2)}


def test_sqa3d_questions(tmp_path: Path) -> None:
    _write_sqa3d(tmp_path, {"x": 0.5, "y": -0.25, "z": 0.0}, _quaternion(0.0))
    (query,) = SQA3D(tmp_path).queries("test")
    assert (query.query_id, query.kind) == ("220602000000", TaskKind.ANSWER)
    assert (query.situation, query.text) == ("I stand by the desk.", "Which way is the door?")
    assert (query.references, query.target_ids) == (("left",), ())
    assert query.annotated_pose is None
    assert query.extra["question_type"] == "which"
    assert json.loads(query.extra["alternative_situations"]) == ["The desk is near me."]
    assert json.loads(query.extra["position"])["x"] == 0.5


def test_a_question_without_an_annotation_is_named(tmp_path: Path) -> None:
    _write_sqa3d(tmp_path, {"x": 0, "y": 0, "z": 0}, _quaternion(0.0))
    write_json(tmp_path / "v1_balanced_sqa_annotations_test_scannetv2.json", {"annotations": []})
    with pytest.raises(DataError, match="annotation of question 220602000000"):
        SQA3D(tmp_path).queries("test")


def _room(low: tuple[float, ...], high: tuple[float, ...]) -> Scene:
    """A room whose floor is most of its points."""
    rng = np.random.default_rng(0)
    floor = rng.uniform(low, (high[0], high[1], low[2]), (500, 3))
    corners = np.array([low, high, (low[0], high[1], low[2]), (high[0], low[1], low[2])])
    return Scene(scene_id="r", frame=Frame.WORLD, points=np.concatenate([floor, corners]))


def _situation(position: dict[str, float], rotation: dict[str, float]) -> Query:
    return Query(
        query_id="1",
        benchmark="sqa3d",
        split="test",
        scene_id="r",
        kind=TaskKind.ANSWER,
        text="?",
        extra={"position": json.dumps(position), "rotation": json.dumps(rotation)},
    )


def test_a_situation_counts_from_the_rooms_middle_and_faces_minus_x() -> None:
    room = _room((2.0, -4.0, 0.1), (8.0, 4.0, 2.6))
    pose = situation_pose(_situation({"x": 1.0, "y": 2.0, "z": 9.0}, _quaternion(0.0)), room)
    np.testing.assert_allclose(pose.translation, [6.0, 2.0, 0.1 + EYE_HEIGHT_M], atol=1e-9)
    right, down, forward = pose.rotation.T
    np.testing.assert_allclose(forward, [-1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(right, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(down, [0, 0, -1], atol=1e-12)


def test_left_is_counter_clockwise_from_forward() -> None:
    room = _room((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    pose = situation_pose(_situation({"x": 0, "y": 0, "z": 0}, _quaternion(math.pi / 2)), room)
    # -x turned by +90 degrees is -y; a quarter turn further, to the left, lies +x.
    np.testing.assert_allclose(pose.rotation[:, 2], [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(-pose.rotation[:, 0], [1, 0, 0], atol=1e-12)


@settings(deadline=None)
@given(st.floats(-math.pi, math.pi), st.floats(-3, 3), st.floats(-3, 3))
def test_a_situation_turns_with_its_quaternion(yaw: float, x: float, y: float) -> None:
    # A second writing: the full rotation matrix of the quaternion, applied to the local axes.
    q = _quaternion(yaw)
    w, z = q["_w"], q["_z"]
    turn = np.array([[1 - 2 * z * z, -2 * w * z, 0], [2 * w * z, 1 - 2 * z * z, 0], [0, 0, 1]])
    room = _room((-1.0, -1.0, 0.0), (1.0, 1.0, 2.0))
    pose = situation_pose(_situation({"x": x, "y": y, "z": 0.0}, q), room)
    np.testing.assert_allclose(pose.rotation[:, 2], turn @ [-1, 0, 0], atol=1e-9)
    np.testing.assert_allclose(-pose.rotation[:, 0], turn @ [0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(pose.translation[:2], [x, y], atol=1e-9)


def test_a_situation_needs_a_world_scene_and_a_place() -> None:
    room = _room((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    query = _situation({"x": 0, "y": 0, "z": 0}, _quaternion(0.0))
    moved = room.moved(RigidTransform.identity(Frame.INPUT, Frame.WORLD))
    with pytest.raises(FrameMismatchError, match="found input"):
        situation_pose(query, moved)
    empty = Scene(scene_id="r", frame=Frame.WORLD, points=np.zeros((0, 3)))
    with pytest.raises(DataError, match="0 points"):
        situation_pose(query, empty)
    nowhere = Query(**{**vars(query), "extra": {}})
    with pytest.raises(DataError, match="wanted an annotated position"):
        situation_pose(nowhere, room)


@pytest.mark.parametrize("forward", [(0, 0, 0), (0, 0, 2), (0, 0, -1), (math.nan, 0, 0)])
def test_an_upright_camera_needs_a_heading(forward: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="other than up or down"):
        upright_camera((0, 0, 0), forward, (0, 0, 1))


def test_placed_situations_come_back_as_annotated_poses(tmp_path: Path) -> None:
    write_scan(tmp_path)
    annotations = tmp_path / "annotations"
    _write_sqa3d(annotations, {"x": 0.5, "y": 0.0, "z": 0.0}, _quaternion(0.3), n=3)
    dataset = ScanNet(tmp_path)
    report = place_situations(dataset, annotations, "test")
    assert (report.n_placed, report.kept, dict(report.errors)) == (3, False, {})
    queries = SQA3D(annotations).queries("test")
    expected = situation_pose(queries[0], dataset.scene("scene0000_00"))
    for query in queries:
        assert query.annotated_pose is not None
        np.testing.assert_allclose(query.annotated_pose.matrix, expected.matrix)
    again = place_situations(dataset, annotations, "test")
    assert (again.n_placed, again.kept) == (3, True)


def test_situations_of_a_missing_scan_are_reported(tmp_path: Path) -> None:
    write_ply(tmp_path / "scans" / "scene0005_00" / "x.ply", np.zeros((1, 3)))
    _write_sqa3d(tmp_path, {"x": 0.5, "y": 0.0, "z": 0.0}, _quaternion(0.3))
    report = place_situations(ScanNet(tmp_path), tmp_path, "test")
    assert report.n_placed == 0
    assert "scene0000_00" in report.errors["scene0000_00"]


def test_wrong_json_shapes_are_named(tmp_path: Path) -> None:
    _write_sqa3d(tmp_path, {"x": 0, "y": 0, "z": 0}, _quaternion(0.0))
    path = tmp_path / "v1_balanced_questions_test_scannetv2.json"
    for content, message in (
        ([], "an object with named fields"),
        ({}, "wanted a field 'questions'"),
        ({"questions": {}}, "wanted a list of entries"),
    ):
        value: Any = content
        write_json(path, value)
        with pytest.raises(DataError, match=message):
            SQA3D(tmp_path).queries("test")
