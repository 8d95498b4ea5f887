"""The generic folder format, the example of its page, and the real capture in it."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import CUBE, CUBE_FACES, look_poses, write_json, write_ply, write_pose_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from posealign_core.benchmarks.generic import GenericQuestions
from posealign_core.datasets.generic import Generic
from posealign_core.errors import DataError, PoseNotFoundError, SceneNotFoundError
from posealign_core.geometry import Frame, corners_from_aabb
from posealign_core.vocabulary import TaskKind

PAGE = Path(__file__).parents[2] / "docs" / "own_data_format.md"
CAMERA = {"fx": 100, "fy": 101, "cx": 7.5, "cy": 5.5, "width": 16, "height": 12}


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    folder.mkdir()
    np.save(folder / "points.npy", CUBE)
    return folder


def _read(folder: Path) -> Any:
    return Generic(folder.parent).scene(folder.name)


def test_the_example_of_the_page_runs_and_prints_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = PAGE.read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (promised,) = re.findall(r"It prints `(.*?)`", page)
    monkeypatch.chdir(tmp_path)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, str(PAGE), "exec"), {})
    assert printed.getvalue().strip() == promised


def test_the_defaults_of_the_page_are_the_defaults(scene: Path) -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    without = _read(scene)
    (scene / "scene.json").write_text(block)
    stated = _read(scene)
    np.testing.assert_array_equal(stated.up, without.up)
    np.testing.assert_array_equal(
        stated.aligned_from_world.matrix, without.aligned_from_world.matrix
    )


def test_points_alone_are_a_scene(scene: Path) -> None:
    room = _read(scene)
    assert room.frame is Frame.WORLD
    np.testing.assert_array_equal(room.points, CUBE)
    assert (room.colors, room.instance_ids, room.objects) == (None, None, None)
    np.testing.assert_array_equal(room.up, [0, 0, 1])


def test_six_columns_are_points_and_colours(scene: Path) -> None:
    np.save(scene / "points.npy", np.hstack([CUBE, np.full((8, 3), 200.0)]))
    room = _read(scene)
    np.testing.assert_array_equal(room.points, CUBE)
    np.testing.assert_array_equal(room.colors, 200)


def test_ply_and_npz_clouds(scene: Path) -> None:
    (scene / "points.npy").unlink()
    write_ply(scene / "points.ply", CUBE, CUBE_FACES)
    assert _read(scene).colors[3].tolist() == [3, 20, 30]
    (scene / "points.ply").unlink()
    np.savez(
        scene / "points.npz",
        points=CUBE,
        normals=np.tile([0.0, 0, 1], (8, 1)),
        instance_ids=[4] * 5 + [-1] * 3,
        superpoint_ids=np.arange(8),
    )
    room = _read(scene)
    assert room.objects.object_ids.tolist() == [4]
    assert room.superpoint_ids.tolist() == list(range(8))
    np.testing.assert_array_equal(room.normals[:, 2], 1)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((8, 4)), "wanted 3 or 6 columns, found 4"),
        (np.zeros(8), r"points\.npy: wanted shape"),
        (np.array([["a"] * 3]), "wanted numbers"),
        (np.full((2, 3), np.inf), "NaN or Inf in 2 of 2"),
        (np.hstack([CUBE, np.full((8, 3), 300.0)]), "colours from 0 to 255"),
    ],
)
def test_clouds_of_another_form_are_named(scene: Path, array: Any, message: str) -> None:
    np.save(scene / "points.npy", array)
    with pytest.raises(DataError, match=message):
        _read(scene)


def test_exactly_one_cloud(scene: Path) -> None:
    write_ply(scene / "points.ply", CUBE)
    with pytest.raises(DataError, match=r"found \['points\.ply', 'points\.npy'\]"):
        _read(scene)
    for path in scene.iterdir():
        path.unlink()
    with pytest.raises(DataError, match="found none"):
        _read(scene)
    np.savez(scene / "points.npz", points=CUBE, color=CUBE)
    with pytest.raises(DataError, match=r"found \['points', 'color'\]"):
        _read(scene)


def test_masks_with_labels_make_objects(scene: Path) -> None:
    np.save(scene / "masks.npy", np.array([2, 2, 2, 2, 9, 9, 9, -1]))
    write_json(scene / "labels.json", {"2": "shelf", "9": "lamp"})
    room = _read(scene)
    assert room.objects.labels == ("shelf", "lamp")
    np.testing.assert_allclose(room.objects.centers[0], [0.5, 0.5, 0])
    np.save(scene / "masks.npy", np.zeros(7, int))
    with pytest.raises(DataError, match=r"masks\.npy: wanted shape \(8,\), found \(7,\)"):
        _read(scene)
    np.save(scene / "masks.npy", np.array([1.0, np.nan, *range(6)]))
    with pytest.raises(DataError, match=r"masks\.npy: wanted whole numbers"):
        _read(scene)
    np.save(scene / "masks.npy", np.zeros(8, int))
    write_json(scene / "labels.json", {"shelf": "2"})
    with pytest.raises(DataError, match="object ids as keys"):
        _read(scene)


def test_boxes_stand_as_their_rotation_says(scene: Path) -> None:
    quarter = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    boxes = [
        {"id": 8, "label": "bed", "center": [1, 2, 3], "size": [2, 1, 1], "rotation": quarter},
        {"id": 3, "center": [0, 0, 0], "size": [1, 2, 3]},
        {"id": 5, "label": "rug", "corners": corners_from_aabb([1, 1, 1, 2, 2, 0])[0].tolist()},
    ]
    write_json(scene / "boxes.json", boxes)
    objects = _read(scene).objects
    assert objects.object_ids.tolist() == [3, 5, 8]
    assert objects.labels == ("", "rug", "bed")
    np.testing.assert_allclose(objects.centers, [[0, 0, 0], [1, 1, 1], [1, 2, 3]])
    np.testing.assert_allclose(objects.corners[0], corners_from_aabb([0, 0, 0, 1, 2, 3])[0])
    # The first corner (low x, y, z) of the bed, (-1, -1/2, -1/2), turned by +90 degrees.
    np.testing.assert_allclose(objects.corners[2][0], [1.5, 1, 2.5])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ({"id": 1, "center": [0, 0], "size": [1, 1, 1]}, "entry 0, center"),
        ({"id": 1, "center": [0, 0, 0], "size": [1, -1, 1]}, "sizes of at least 0"),
        ({"id": 1, "center": [0, 0, 0], "size": [1, 1, 1], "rotation": [[1] * 3] * 3}, "rigid"),
        ({"center": [0, 0, 0], "size": [1, 1, 1]}, "wanted a field 'id'"),
    ],
)
def test_impossible_boxes_are_named(scene: Path, box: Any, message: str) -> None:
    write_json(scene / "boxes.json", [box])
    with pytest.raises(DataError, match=message):
        _read(scene)


def test_an_object_twice_is_an_error(scene: Path) -> None:
    write_json(scene / "centers.json", [{"id": 1, "center": [0, 0, 0]}] * 2)
    with pytest.raises(DataError, match=r"centers\.json: object ids: wanted distinct"):
        _read(scene)


def test_centres_have_no_corners(scene: Path) -> None:
    write_json(scene / "centers.json", [{"id": 4, "label": "cup", "center": [1, 2, 3]}])
    objects = _read(scene).objects
    assert objects.corners is None
    np.testing.assert_array_equal(objects.centers, [[1, 2, 3]])


def test_poses_in_every_form_are_the_same(scene: Path) -> None:
    poses = look_poses(3)
    dataset = Generic(scene.parent)
    write_json(scene / "intrinsics.json", CAMERA)
    with pytest.raises(PoseNotFoundError, match=r"poses\.npy, poses\.txt"):
        dataset.trajectory("room")
    np.save(scene / "poses.npy", poses)
    from_array = dataset.trajectory("room")
    np.testing.assert_array_equal(from_array.world_from_camera, poses)
    (scene / "poses.npy").unlink()
    lines = [" ".join(map(repr, pose.ravel().tolist())) for pose in poses]
    (scene / "poses.txt").write_text("\n".join(lines) + "\n\n")
    assert dataset.trajectory("room").frame_ids == ("0", "1", "2")
    np.testing.assert_array_equal(dataset.trajectory("room").world_from_camera, poses)
    names = [f"left-{i} {line}" for i, line in enumerate(lines)]
    (scene / "poses.txt").write_text("\n".join(names))
    assert dataset.trajectory("room").frame_ids == ("left-0", "left-1", "left-2")
    write_pose_texts(scene / "poses", poses, step=30)
    with pytest.raises(DataError, match=r"found \['poses\.txt', 'poses'\]"):
        dataset.trajectory("room")
    (scene / "poses.txt").unlink()
    assert dataset.trajectory("room").frame_ids == ("0", "30", "60")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3", "line 1: wanted 16 numbers"),
        ("a " * 16, "wanted numbers"),
        ("f " + "1 " * 16 + "\nf " + "1 " * 16, "distinct frame names"),
    ],
)
def test_pose_lines_of_another_form_are_named(scene: Path, text: str, message: str) -> None:
    (scene / "poses.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        Generic(scene.parent).trajectory("room")


@pytest.mark.parametrize("axes", ["rdf", "rub", "flu"])
@pytest.mark.parametrize("direction", ["camera_to_world", "world_to_camera"])
@settings(max_examples=10, deadline=None)
@given(move=hnp.arrays(np.float64, 3, elements=st.floats(-5, 5)), turn=st.floats(-3, 3))
def test_every_convention_reads_as_the_same_camera(
    tmp_path_factory: pytest.TempPathFactory,
    axes: str,
    direction: str,
    move: np.ndarray,
    turn: float,
) -> None:
    # One camera, stated by where its right, down and forward lie in the world.
    right = np.array([np.cos(turn), np.sin(turn), 0])
    down, forward = np.array([0, 0, -1.0]), np.array([-np.sin(turn), np.cos(turn), 0])
    columns = {
        "rdf": [right, down, forward],
        "rub": [right, -down, -forward],
        "flu": [forward, -right, -down],
    }[axes]
    stored = np.eye(4)
    stored[:3, :3], stored[:3, 3] = np.stack(columns, axis=1), move
    folder = tmp_path_factory.getbasetemp() / f"conventions-{axes}-{direction}" / "room"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "points.npy", CUBE)
    np.save(
        folder / "poses.npy",
        (np.linalg.inv(stored) if direction == "world_to_camera" else stored)[None],
    )
    write_json(folder / "intrinsics.json", CAMERA)
    write_json(folder / "scene.json", {"camera_axes": axes, "pose_direction": direction})
    pose = Generic(folder.parent).trajectory("room").pose(0)
    np.testing.assert_allclose(pose.rotation, np.stack([right, down, forward], 1), atol=1e-9)
    np.testing.assert_allclose(pose.translation, move, atol=1e-9)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"axes": "rdf"}, r"found \['axes'\]"),
        ({"camera_axes": "xyz"}, "'xyz'"),
        ({"up": [0, 0]}, "up: wanted shape"),
        ({"up": [0, 0, 0]}, "non-zero vector"),
        ({"aligned_from_world": [[2]]}, "rigid 4x4"),
    ],
)
def test_unknown_or_impossible_settings_are_named(
    scene: Path, settings_: dict[str, Any], message: str
) -> None:
    write_json(scene / "scene.json", settings_)
    with pytest.raises(DataError, match=message):
        _read(scene)


def test_splits(scene: Path) -> None:
    dataset = Generic(scene.parent)
    assert dataset.scene_ids() == ["room"]
    assert dataset.scene_ids("test") == ["room"]
    with pytest.raises(DataError, match=r"wanted split 'val', found \['test'\]"):
        dataset.scene_ids("val")
    write_json(scene.parent / "splits.json", {"val": ["room", "attic", "room"], "train": ["hall"]})
    assert dataset.scene_ids("train") == ["hall"]
    with pytest.raises(DataError, match="'room' is listed twice under 'val'"):
        dataset.scene_ids("val")
    with pytest.raises(SceneNotFoundError, match="'hall'"):
        dataset.scene("hall")


def test_questions_of_every_kind(scene: Path) -> None:
    pose = np.eye(4)
    pose[:3, 3] = [1, 2, 3]
    rows = [
        {"id": 1, "text": "Left or right?", "targets": [2], "answers": ["left"], "asked_by": "me"},
        {"id": "b", "kind": "caption", "targets": [2, 3], "direction_critical": True},
        {"id": "c", "kind": "select", "candidates": [2, 3], "pose": pose.tolist()},
    ]
    write_json(scene / "questions.json", rows)
    write_json(scene / "scene.json", {"camera_axes": "rub", "pose_direction": "world_to_camera"})
    answer, caption, select = GenericQuestions(scene.parent).queries("test")
    assert (answer.query_id, answer.kind, answer.scene_id) == ("room|1", TaskKind.ANSWER, "room")
    assert (answer.target_ids, answer.references) == ((2,), ("left",))
    assert dict(answer.extra) == {"asked_by": "me"}
    assert caption.kind is TaskKind.CAPTION
    assert caption.region is not None
    assert (caption.region.object_id, caption.text) == (2, "")
    assert caption.extra["direction_critical"] == "true"
    assert select.candidates == (2, 3)
    assert select.annotated_pose is not None
    # The camera is at -(1, 2, 3), and looks along its -z axis.
    np.testing.assert_allclose(select.annotated_pose.translation, [-1, -2, -3])
    np.testing.assert_allclose(select.annotated_pose.rotation[:, 2], [0, 0, -1])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"text": "?"}], "wanted a field 'id'"),
        ([{"id": 1, "kind": "guess"}], "wanted a kind of answer, caption, ground, select"),
        ([{"id": 1, "pose": [[1]]}], "entry 0, pose"),
        ([{"id": 1}, {"id": 1}], r"more than once, first 'room\|1'"),
    ],
)
def test_questions_of_another_form_are_named(scene: Path, rows: Any, message: str) -> None:
    write_json(scene / "questions.json", rows)
    with pytest.raises(DataError, match=message):
        GenericQuestions(scene.parent).queries("test")


def test_truncated_json_is_a_data_error(scene: Path) -> None:
    for name in ("boxes.json", "scene.json", "questions.json"):
        (scene / name).write_text(json.dumps([{"id": 1, "center": [0, 0, 0]}])[:-5])
        with pytest.raises(DataError, match=rf"{name}.*cut short"):
            _read(scene) if name != "questions.json" else GenericQuestions(scene.parent).queries(
                "test"
            )
        (scene / name).unlink()
