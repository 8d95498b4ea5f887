"""The published 3D-LLaVA tree."""

from __future__ import annotations

import math
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from data_files import CAMERA
from playground_files import scan_arrays, write_playground

from posealign_core.datasets.intrinsics_files import write_intrinsics
from posealign_core.datasets.processed_3d_llava import Processed3dLlava
from posealign_core.errors import (
    DataError,
    PoseAlignWarning,
    PoseNotFoundError,
    SceneNotFoundError,
    UnsafeFileError,
)
from posealign_core.geometry import SCANNET_CONSTANT, Frame, aabb_from_corners
from posealign_core.host import build_host
from posealign_core.registry import resolve

if TYPE_CHECKING:
    from pathlib import Path

SCAN = "scene0000_00"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_playground(tmp_path / "playground")


def test_it_is_registered_and_takes_the_folder_above(root: Path) -> None:
    factory = resolve(build_host(entry_points=False).datasets["3d_llava"])
    assert factory(root).root == root
    assert factory(root.parent).root == root


def test_a_scan_comes_with_labels_boxes_and_superpoints(root: Path) -> None:
    scene = Processed3dLlava(root).scene(SCAN)
    assert scene.frame is Frame.WORLD
    np.testing.assert_array_equal(scene.points, scan_arrays(SCAN)["coord"])
    assert scene.colors is not None
    assert scene.colors[0].tolist() == [128, 128, 128]
    assert scene.instance_ids is not None
    assert scene.instance_ids.tolist() == [3] * 8 + [-1] * 4
    assert scene.superpoint_ids is not None
    assert scene.superpoint_ids.tolist() == list(range(12))
    assert scene.objects is not None
    assert (scene.objects.object_ids.tolist(), scene.objects.labels) == ([3], ("chair",))
    aligned = scene.moved(scene.aligned_from_world).objects
    assert aligned is not None
    assert aligned.corners is not None
    size = aabb_from_corners(aligned.corners)[0, 3:]
    np.testing.assert_allclose(size, [math.sqrt(2), math.sqrt(2), 1], atol=1e-9)


def test_splits_are_folders(root: Path) -> None:
    dataset = Processed3dLlava(root)
    assert dataset.scene_ids("train") == ["scene0000_00"]
    assert dataset.scene_ids("val") == ["scene0001_00"]
    assert dataset.scene_ids() == ["scene0000_00", "scene0001_00"]
    with pytest.raises(DataError, match="'train' or 'val', found 'test'"):
        dataset.scene_ids("test")
    with pytest.raises(DataError, match="wanted a folder of scans"):
        Processed3dLlava(root / "data").scene_ids("val")
    assert Processed3dLlava(root / "data").scene_ids() == []


def test_a_scan_in_both_splits_is_an_error(root: Path) -> None:
    folder = root / "data" / "scannet"
    (folder / "val" / f"{SCAN}.pth").write_bytes((folder / "train" / f"{SCAN}.pth").read_bytes())
    with pytest.raises(DataError, match="'scene0000_00' is in train/ and in val/"):
        Processed3dLlava(root).scene_ids()


def test_the_releases_constant_camera_stands_in_with_a_warning(root: Path) -> None:
    dataset = Processed3dLlava(root)
    with pytest.warns(PoseAlignWarning, match="constant stands in"):
        trajectory = dataset.trajectory(SCAN)
    assert trajectory.intrinsics == (SCANNET_CONSTANT,) * 3
    write_intrinsics(root / "poses" / "scans" / SCAN / "intrinsics.json", CAMERA)
    assert dataset.trajectory(SCAN).intrinsics == (CAMERA,) * 3


def test_missing_scans_and_poses_are_named(root: Path) -> None:
    dataset = Processed3dLlava(root)
    with pytest.raises(SceneNotFoundError, match="scene0099_00"):
        dataset.scene("scene0099_00")
    with pytest.raises(SceneNotFoundError, match="scene0099_00"):
        dataset.trajectory("scene0099_00")
    for path in (root / "poses" / "scans" / SCAN / "pose").iterdir():
        path.unlink()
    with pytest.raises(PoseNotFoundError):
        dataset.trajectory(SCAN)


def test_superpoints_are_optional_as_a_whole_and_checked_one_by_one(root: Path) -> None:
    dataset = Processed3dLlava(root)
    path = dataset.superpoint_path(SCAN)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(DataError, match=r"wanted 12 int64 ids \(96 bytes\), found 92 bytes"):
        dataset.scene(SCAN)
    path.unlink()
    with pytest.raises(DataError, match=r"scene0000_00\.bin"):
        dataset.scene(SCAN)
    for other in path.parent.iterdir():
        other.unlink()
    path.parent.rmdir()
    assert dataset.scene(SCAN).superpoint_ids is None


def _save(root: Path, **changes: Any) -> None:
    arrays = {**scan_arrays(SCAN), **changes}
    kept = {name: array for name, array in arrays.items() if array is not None}
    torch.save(kept, root / "data" / "scannet" / "train" / f"{SCAN}.pth")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coord": None}, "wanted 'coord'"),
        ({"coord": np.zeros((12, 2), np.float32)}, r"'coord'.*found \(12, 2\)"),
        ({"instance_gt": np.zeros(11, np.int64)}, r"'instance_gt'.*\(12,\), found \(11,\)"),
        ({"color": np.array([["x"] * 3] * 12)}, "'color': wanted numbers"),
        ({"coord": np.full((12, 3), np.nan, np.float32)}, "NaN or Inf in 12 of 12"),
    ],
)
def test_arrays_that_do_not_fit_are_named(root: Path, change: Any, message: str) -> None:
    _save(root, **change)
    with pytest.raises(DataError, match=message):
        Processed3dLlava(root).scene(SCAN)


def test_semantics_and_normals_are_optional(root: Path) -> None:
    _save(root, semantic_gt20=None, normal=None)
    scene = Processed3dLlava(root).scene(SCAN)
    assert scene.normals is None
    assert scene.objects is not None
    assert scene.objects.labels == ("",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "'scene0000_00': wanted an alignment matrix"),
        ([1], "wanted matrices by scan, found list"),
        ({SCAN: np.eye(3)}, "rigid 4x4"),
        ({SCAN: "x"}, "'scene0000_00'"),
    ],
)
def test_a_wrong_alignment_pickle_is_named(root: Path, content: Any, message: str) -> None:
    dataset = Processed3dLlava(root)
    dataset.alignment_path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=message):
        dataset.scene(SCAN)


def test_a_crafted_alignment_pickle_is_refused(root: Path) -> None:
    dataset = Processed3dLlava(root)
    dataset.alignment_path.write_bytes(b"cos\nsystem\n(Vtouch x\ntR.")
    with pytest.raises(UnsafeFileError, match=r"os\.system"):
        dataset.scene(SCAN)


def test_a_truncated_scan_is_a_data_error(root: Path) -> None:
    path = Processed3dLlava(root).scan_path(SCAN)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataError, match=r"scene0000_00\.pth"):
        Processed3dLlava(root).scene(SCAN)
