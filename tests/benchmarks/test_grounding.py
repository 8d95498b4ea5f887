"""ScanRefer, its cameras, Scan2Cap and Multi3DRefer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from data_files import look_poses, write_json

from posealign_core.benchmarks.multi3drefer import Multi3DRefer
from posealign_core.benchmarks.scan2cap import Scan2Cap
from posealign_core.benchmarks.scanrefer import ScanRefer
from posealign_core.errors import DataError
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path


def _description(object_id: str, ann_id: str, text: str, **fields: Any) -> dict[str, Any]:
    return {
        "scene_id": "scene0011_00",
        "object_id": object_id,
        "object_name": "office_chair",
        "ann_id": ann_id,
        "description": text,
        "token": text.split(),
        **fields,
    }


DESCRIPTIONS = [
    _description("5", "0", "a chair left of the desk"),
    _description("2", "0", "the other chair"),
    _description("5", "1", "it faces the window"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_json(tmp_path / "ScanRefer_filtered_val.json", DESCRIPTIONS)
    return tmp_path


def test_scanrefer_descriptions(root: Path) -> None:
    queries = ScanRefer(root).queries("val")
    assert [query.query_id for query in queries] == [
        "scene0011_00|5|0",
        "scene0011_00|2|0",
        "scene0011_00|5|1",
    ]
    query = queries[0]
    assert (query.benchmark, query.split, query.kind) == ("scanrefer", "val", TaskKind.GROUND)
    assert (query.scene_id, query.text) == ("scene0011_00", "a chair left of the desk")
    assert query.target_ids == (5,)
    assert dict(query.extra) == {"object_name": "office_chair", "ann_id": "0"}
    assert query.annotated_pose is None


def test_files_are_found_one_folder_down_and_named_when_missing(root: Path) -> None:
    (root / "annotations").mkdir()
    name = "ScanRefer_filtered_val.json"
    (root / name).rename(root / "annotations" / name)
    assert len(ScanRefer(root).queries("val")) == 3
    with pytest.raises(DataError, match=r"'ScanRefer_filtered_train\.json'.*manifest"):
        ScanRefer(root).queries("train")
    write_json(root / "other" / name, [])
    with pytest.raises(DataError, match="found it in annotations, other"):
        ScanRefer(root).queries("val")


def test_a_description_twice_is_an_error(tmp_path: Path) -> None:
    write_json(tmp_path / "ScanRefer_filtered_val.json", [DESCRIPTIONS[0]] * 2)
    with pytest.raises(DataError, match=r"more than once, first 'scene0011_00\|5\|0'"):
        ScanRefer(tmp_path).queries("val")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"scene_id": "s"}, "entry 0: wanted a field 'ann_id'"),
        (_description("five", "0", "x"), "'object_id' as an integer, found 'five'"),
        ({**_description("5", "0", "x"), "description": [1]}, "'description' as text"),
        ("text", "an object with named fields"),
    ],
)
def test_entries_of_another_form_are_named(tmp_path: Path, entry: Any, message: str) -> None:
    write_json(tmp_path / "ScanRefer_filtered_val.json", [entry])
    with pytest.raises(DataError, match=message):
        ScanRefer(tmp_path).queries("val")


def test_a_truncated_annotation_file_is_a_data_error(root: Path) -> None:
    path = root / "ScanRefer_filtered_val.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(DataError, match="may be cut short"):
        ScanRefer(root).queries("val")


def _camera(ann_id: str, position: Any, target: Any) -> dict[str, Any]:
    return {
        "scene_id": "scene0011_00",
        "object_id": "5",
        "ann_id": ann_id,
        "camera": {"position": position, "rotation": [0, 0, 0], "lookat": target},
    }


@pytest.mark.parametrize("place", ["annotated_cameras.json", "annotated_cameras/scene0011_00.json"])
def test_annotated_cameras_look_from_their_place_to_their_target(root: Path, place: str) -> None:
    # From (1, 2, 1.5) along +y: right is +x, down is -z.
    write_json(root / place, [_camera("1", [1, 2, 1.5], {"x": 1, "y": 5, "z": 1.5})])
    poses = [query.annotated_pose for query in ScanRefer(root).queries("val")]
    assert poses[:2] == [None, None]
    pose = poses[2]
    assert pose is not None
    expected = np.array([[1, 0, 0, 1], [0, 0, 1, 2], [0, -1, 0, 1.5], [0, 0, 0, 1]])
    np.testing.assert_allclose(pose.matrix, expected, atol=1e-12)


def test_pose_files_win_over_annotated_cameras(root: Path) -> None:
    write_json(root / "annotated_cameras.json", [_camera("0", [1, 2, 1.5], [1, 5, 1.5])])
    pose = look_poses(2)[1].tolist()
    rows = {"scene0011_00|5|0": {"world_from_camera": pose}}
    write_json(root / "query_poses_scanrefer_val.json", rows)
    found = ScanRefer(root).queries("val")[0].annotated_pose
    assert found is not None
    np.testing.assert_array_equal(found.matrix, pose)


def test_impossible_and_repeated_cameras_are_named(root: Path) -> None:
    write_json(root / "annotated_cameras.json", [_camera("0", [1, 2, 3], [1, 2, 0])])
    with pytest.raises(DataError, match=r"annotated_cameras\.json, entry 0, camera: .*up or down"):
        ScanRefer(root).queries("val")
    write_json(root / "annotated_cameras.json", [_camera("0", [1, 2, 3], [4, 2, 0])] * 2)
    with pytest.raises(DataError, match=r"'scene0011_00\|5\|0' is there twice"):
        ScanRefer(root).queries("val")


def test_scan2cap_asks_once_per_object_with_all_descriptions(root: Path) -> None:
    queries = Scan2Cap(root).queries("val")
    assert [query.query_id for query in queries] == ["scene0011_00|5", "scene0011_00|2"]
    query = queries[0]
    assert query.kind is TaskKind.CAPTION
    assert query.references == ("a chair left of the desk", "it faces the window")
    assert query.region is not None
    assert (query.region.object_id, query.target_ids, query.text) == (5, (5,), "")
    assert dict(query.extra) == {"object_name": "office_chair"}


def test_multi3drefer_descriptions(tmp_path: Path) -> None:
    entry = {
        "scene_id": "scene0011_00",
        "object_name": "chair",
        "ann_id": 7,
        "description": "all chairs at the table",
        "object_ids": [1, 4],
        "eval_type": "mt",
        "spatial": True,
        "color": False,
        "texture": False,
        "shape": False,
    }
    none = {**entry, "ann_id": 8, "object_ids": [], "eval_type": "zt_w_d"}
    write_json(tmp_path / "multi3drefer_train.json", [entry, none])
    several, nothing = Multi3DRefer(tmp_path).queries("train")
    assert (several.query_id, several.target_ids) == ("scene0011_00|7", (1, 4))
    assert several.kind is TaskKind.GROUND
    assert dict(several.extra) == {
        "object_name": "chair",
        "eval_type": "mt",
        "spatial": "true",
        "color": "false",
        "texture": "false",
        "shape": "false",
        "ann_id": "7",
    }
    assert (nothing.target_ids, nothing.extra["eval_type"]) == ((), "zt_w_d")
