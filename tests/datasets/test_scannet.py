"""The raw ScanNet tree, on scans of two cubes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from data_files import (
    ALIGNMENT,
    CAMERA,
    CUBE,
    look_poses,
    write_json,
    write_pose_texts,
    write_scan,
    write_stream,
)

from posealign_core.datasets.pose_files import PoseTree, Recording, write_packed
from posealign_core.datasets.scannet import ScanNet
from posealign_core.errors import DataError, PoseNotFoundError, SceneNotFoundError
from posealign_core.geometry import Frame, aabb_from_corners
from posealign_core.host import build_host
from posealign_core.registry import resolve

if TYPE_CHECKING:
    from pathlib import Path

SCAN = "scene0000_00"


def test_it_is_registered(tmp_path: Path) -> None:
    host = build_host(entry_points=False)
    assert isinstance(resolve(host.datasets["scannet"])(tmp_path), ScanNet)


def test_points_colours_labels_and_superpoints(tmp_path: Path) -> None:
    write_scan(tmp_path)
    scene = ScanNet(tmp_path).scene(SCAN)
    assert scene.frame is Frame.WORLD
    np.testing.assert_array_equal(scene.points[:8], CUBE)
    assert scene.colors is not None
    assert scene.colors[9].tolist() == [9, 20, 30]
    assert scene.instance_ids is not None
    assert scene.instance_ids.tolist() == [0] * 8 + [7] * 8 + [-1] * 4
    assert scene.superpoint_ids is not None
    assert scene.superpoint_ids.tolist() == [10] * 4 + [11] * 4 + [20] * 8 + [30] * 4
    assert scene.objects is not None
    assert scene.objects.object_ids.tolist() == [0, 7]
    assert scene.objects.labels == ("office chair", "table")
    assert scene.normals is not None
    np.testing.assert_allclose(scene.normals[0], -np.ones(3) / math.sqrt(3), atol=0.2)


def test_boxes_are_upright_after_alignment_and_turned_in_the_world(tmp_path: Path) -> None:
    write_scan(tmp_path)
    scene = ScanNet(tmp_path).scene(SCAN)
    np.testing.assert_allclose(scene.aligned_from_world.matrix, ALIGNMENT, atol=1e-6)
    aligned = scene.moved(scene.aligned_from_world).objects
    assert aligned is not None
    assert aligned.corners is not None
    # The chair's unit cube, turned by 45 degrees about its corner at (1, 2).
    diagonal = math.sqrt(2)
    boxes = aabb_from_corners(aligned.corners)
    np.testing.assert_allclose(boxes[0], [1, 2 + diagonal / 2, 1, diagonal, diagonal, 1], atol=1e-5)
    assert scene.objects is not None
    assert scene.objects.corners is not None
    # Carried back, the box stands on its corner, and its own hull is wider.
    hull = aabb_from_corners(scene.objects.corners)[0]
    np.testing.assert_allclose(hull[3:], [2, 2, 1], atol=1e-5)
    np.testing.assert_allclose(scene.objects.centers[0], [0.5, 0.5, 0.5], atol=1e-6)
    np.testing.assert_allclose(scene.objects.centers[1], [3.5, 0.5, 0.5], atol=1e-6)


def test_test_scans_have_no_objects_and_no_alignment(tmp_path: Path) -> None:
    folder = write_scan(tmp_path, parent="scans_test")
    (folder / f"{SCAN}.aggregation.json").unlink()
    (folder / f"{SCAN}_vh_clean_2.0.010000.segs.json").unlink()
    (folder / f"{SCAN}.txt").write_text("numColorFrames = 3\n")
    scene = ScanNet(tmp_path).scene(SCAN)
    assert (scene.instance_ids, scene.superpoint_ids, scene.objects) == (None, None, None)
    np.testing.assert_array_equal(scene.aligned_from_world.matrix, np.eye(4))


def test_segments_without_objects_are_superpoints(tmp_path: Path) -> None:
    folder = write_scan(tmp_path)
    (folder / f"{SCAN}.aggregation.json").unlink()
    scene = ScanNet(tmp_path).scene(SCAN)
    assert scene.superpoint_ids is not None
    assert (scene.instance_ids, scene.objects) == (None, None)


@pytest.mark.parametrize(
    ("official", "spelling"),
    [
        (".aggregation.json", "_vh_clean_2.aggregation.json"),
        (".aggregation.json", "_vh_clean.aggregation.json"),
        ("_vh_clean_2.0.010000.segs.json", "_vh_clean_2.segs.json"),
    ],
)
def test_other_spellings_are_found(tmp_path: Path, official: str, spelling: str) -> None:
    folder = write_scan(tmp_path)
    (folder / f"{SCAN}{official}").rename(folder / f"{SCAN}{spelling}")
    objects = ScanNet(tmp_path).scene(SCAN).objects
    assert objects is not None
    assert len(objects) == 2


@pytest.mark.parametrize("parent", ["scans", "scans_test", "."])
def test_scans_are_found_in_every_layout(tmp_path: Path, parent: str) -> None:
    write_scan(tmp_path, "scene0001_00", parent=parent)
    dataset = ScanNet(tmp_path)
    assert dataset.scene_ids() == ["scene0001_00"]
    assert len(dataset.scene("scene0001_00")) == 20


def test_splits_come_from_the_lists(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "scannetv2_val.txt").write_text("scene0011_00\nscene0002_01\n")
    dataset = ScanNet(tmp_path)
    assert dataset.scene_ids("val") == ["scene0002_01", "scene0011_00"]
    with pytest.raises(DataError, match=r"scannetv2_train\.txt"):
        dataset.scene_ids("train")


def test_duplicate_scans_are_errors(tmp_path: Path) -> None:
    (tmp_path / "scannetv2_val.txt").write_text("scene0011_00\nscene0002_01\nscene0011_00\n")
    with pytest.raises(DataError, match="'scene0011_00' is listed twice"):
        ScanNet(tmp_path).scene_ids("val")
    write_scan(tmp_path)
    write_scan(tmp_path, parent="scans_test")
    with pytest.raises(DataError, match="'scene0000_00' is there twice"):
        ScanNet(tmp_path).scene_ids()


def test_an_unknown_scan_is_named(tmp_path: Path) -> None:
    with pytest.raises(SceneNotFoundError, match="'scene0000_00'"):
        ScanNet(tmp_path).scene(SCAN)


@pytest.mark.parametrize("kind", ["_vh_clean_2.ply", ".txt"])
def test_missing_files_are_named(tmp_path: Path, kind: str) -> None:
    (write_scan(tmp_path) / f"{SCAN}{kind}").unlink()
    with pytest.raises(DataError, match=f"{SCAN}{kind}"):
        ScanNet(tmp_path).scene(SCAN)


def _segments(n: int) -> dict[str, Any]:
    return {"segIndices": [10] * n}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("_vh_clean_2.0.010000.segs.json", _segments(19), "each of 20 vertices.*found 19"),
        ("_vh_clean_2.0.010000.segs.json", _segments(20), r"object 7 \('table'\)"),
        ("_vh_clean_2.0.010000.segs.json", {"segIndices": "x"}, "a list of integers"),
        ("_vh_clean_2.0.010000.segs.json", {}, "wanted a field 'segIndices'"),
        (".aggregation.json", {"segGroups": [{"objectId": 1}]}, "entry 0: wanted a field 'label'"),
        (
            ".aggregation.json",
            {"segGroups": [{"objectId": 1, "label": "a", "segments": [10]}] * 2},
            "object 1 is annotated twice",
        ),
    ],
)
def test_files_that_do_not_fit_are_named(
    tmp_path: Path, file: str, content: dict[str, Any], message: str
) -> None:
    write_json(write_scan(tmp_path) / f"{SCAN}{file}", content)
    with pytest.raises(DataError, match=message):
        ScanNet(tmp_path).scene(SCAN)


@pytest.mark.parametrize("file", ["_vh_clean_2.0.010000.segs.json", ".aggregation.json"])
def test_truncated_json_is_a_data_error(tmp_path: Path, file: str) -> None:
    path = write_scan(tmp_path) / f"{SCAN}{file}"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match="cut short"):
        ScanNet(tmp_path).scene(SCAN)


@pytest.mark.parametrize("matrix", ["1 2 3", "2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1", "a " * 16])
def test_an_alignment_that_is_no_rigid_matrix_is_refused(tmp_path: Path, matrix: str) -> None:
    (write_scan(tmp_path) / f"{SCAN}.txt").write_text(f"axisAlignment = {matrix}\n")
    with pytest.raises(DataError, match="axisAlignment"):
        ScanNet(tmp_path).scene(SCAN)


def test_poses_packed_before_texts_before_the_scans_own_before_the_stream(tmp_path: Path) -> None:
    folder = write_scan(tmp_path)
    dataset = ScanNet(tmp_path)
    with pytest.raises(PoseNotFoundError, match="extract-poses"):
        dataset.trajectory(SCAN)
    write_stream(folder / f"{SCAN}.sens", look_poses(4))
    assert len(dataset.trajectory(SCAN)) == 4
    write_pose_texts(folder / "pose", look_poses(3))
    assert len(dataset.trajectory(SCAN)) == 3
    write_pose_texts(tmp_path / "poses" / "scans" / SCAN / "pose", look_poses(2))
    assert len(dataset.trajectory(SCAN)) == 2
    recording = Recording(frame_ids=("5",), world_from_camera=look_poses(1), intrinsics=None)
    write_packed(PoseTree(tmp_path / "poses").packed_path(SCAN), recording)
    assert dataset.trajectory(SCAN).frame_ids == ("5",)


def test_the_camera_comes_from_the_text_or_the_stream(tmp_path: Path) -> None:
    folder = write_scan(tmp_path)
    write_pose_texts(folder / "pose", look_poses(2))
    dataset = ScanNet(tmp_path)
    assert dataset.trajectory(SCAN).intrinsics == (CAMERA, CAMERA)
    (folder / f"{SCAN}.txt").write_text("axisAlignment = 1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1\n")
    with pytest.raises(DataError, match="wanted its colour camera"):
        dataset.trajectory(SCAN)
    write_stream(folder / f"{SCAN}.sens", look_poses(1))
    assert dataset.trajectory(SCAN).intrinsics == (CAMERA, CAMERA)


def test_lost_frames_stay_in_the_trajectory(tmp_path: Path) -> None:
    poses = look_poses(3)
    poses[1] = -np.inf
    write_pose_texts(write_scan(tmp_path) / "pose", poses)
    trajectory = ScanNet(tmp_path).trajectory(SCAN)
    assert len(trajectory) == 3
    assert np.isneginf(trajectory.world_from_camera[1]).all()
