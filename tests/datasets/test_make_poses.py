"""Extracting and packing poses: right, resumable, and never half-written."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from data_files import CAMERA, look_poses, write_pose_texts, write_scan, write_stream

from posealign_core.datasets import make_poses
from posealign_core.datasets.jobs import run_on_scans
from posealign_core.datasets.make_poses import PoseForm, extract_poses, pack_poses
from posealign_core.datasets.pose_files import PoseTree, read_packed, read_pose_folder
from posealign_core.errors import DataError, PoseNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

SCAN = "scene0000_00"


@pytest.fixture
def scannet(tmp_path: Path) -> Path:
    root = tmp_path / "scannet"
    poses = look_poses(6)
    poses[2] = -np.inf
    write_stream(write_scan(root) / f"{SCAN}.sens", poses)
    return root


def test_packed_poses_are_those_of_the_stream(scannet: Path, tmp_path: Path) -> None:
    made = extract_poses(SCAN, scannet=scannet, out=tmp_path / "out", form=PoseForm.PACKED)
    assert (made.n_frames, made.n_invalid, made.kept) == (6, 1, False)
    recording = read_packed(tmp_path / "out" / "packed" / f"{SCAN}.npz")
    assert recording.intrinsics == CAMERA
    np.testing.assert_array_equal(recording.world_from_camera[1], look_poses(6)[1].astype("f4"))
    assert np.isneginf(recording.world_from_camera[2]).all()


def test_texts_are_written_as_scannet_writes_them(scannet: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_poses(SCAN, scannet=scannet, out=out, form=PoseForm.TEXT)
    text = (out / "scans" / SCAN / "pose" / "1.txt").read_text()
    assert text.splitlines()[0] == "0.984808 -0.173648 0.000000 0.000000"
    assert (out / "scans" / SCAN / "pose" / "2.txt").read_text().split() == ["-inf"] * 16
    recording = PoseTree(out).read(SCAN)
    assert recording.n_invalid == 1
    assert recording.intrinsics == CAMERA


@pytest.mark.parametrize("form", list(PoseForm))
def test_a_second_run_keeps_what_is_there(
    scannet: Path, tmp_path: Path, form: PoseForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    extract = partial(extract_poses, SCAN, scannet=scannet, out=tmp_path / "out", form=form)
    assert not extract().kept

    def refuse(*args: object) -> None:
        raise AssertionError("nothing is to be written")

    monkeypatch.setattr(make_poses, "write_packed", refuse)
    monkeypatch.setattr(make_poses, "write_pose_text", refuse)
    assert extract().kept


def test_a_changed_stream_is_extracted_again(scannet: Path, tmp_path: Path) -> None:
    extract = partial(
        extract_poses, SCAN, scannet=scannet, out=tmp_path / "out", form=PoseForm.PACKED
    )
    extract()
    write_stream(scannet / "scans" / SCAN / f"{SCAN}.sens", look_poses(6))
    made = extract()
    assert (made.kept, made.n_invalid) == (False, 0)


def test_an_interrupted_text_run_leaves_no_pose_folder_and_is_finished_later(
    scannet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    write, n_calls = make_poses.write_pose_text, []

    def killed_at_third(path: Path, matrix: object) -> None:
        n_calls.append(path)
        if len(n_calls) == 3:
            raise KeyboardInterrupt
        write(path, matrix)

    monkeypatch.setattr(make_poses, "write_pose_text", killed_at_third)
    with pytest.raises(KeyboardInterrupt):
        extract_poses(SCAN, scannet=scannet, out=out, form=PoseForm.TEXT)
    assert not PoseTree(out).holds(SCAN)
    monkeypatch.undo()
    assert not extract_poses(SCAN, scannet=scannet, out=out, form=PoseForm.TEXT).kept
    assert len(PoseTree(out).read(SCAN).frame_ids) == 6
    assert sorted(p.name for p in (out / "scans" / SCAN).iterdir()) == ["intrinsics.json", "pose"]


def test_pose_texts_of_another_run_are_not_overwritten(scannet: Path, tmp_path: Path) -> None:
    write_pose_texts(tmp_path / "out" / "scans" / SCAN / "pose", look_poses(2))
    with pytest.raises(DataError, match="wanted 6 pose texts, found 2"):
        extract_poses(SCAN, scannet=scannet, out=tmp_path / "out", form=PoseForm.TEXT)


def test_test_scans_go_to_their_own_folder(tmp_path: Path) -> None:
    folder = write_scan(tmp_path, "scene0707_00", parent="scans_test")
    write_stream(folder / "scene0707_00.sens", look_poses(2))
    extract_poses("scene0707_00", scannet=tmp_path, out=tmp_path / "out", form=PoseForm.TEXT)
    assert (tmp_path / "out" / "scans_test" / "scene0707_00" / "pose" / "1.txt").is_file()


def test_packing_gives_the_numbers_of_the_texts_and_the_scans_camera(
    scannet: Path, tmp_path: Path
) -> None:
    poses = tmp_path / "poses"
    folder = write_pose_texts(poses / "scans" / SCAN / "pose", look_poses(4))
    from_texts = read_pose_folder(folder)
    made = pack_poses(SCAN, poses=poses, scannet=scannet)
    assert (made.n_frames, made.kept) == (4, False)
    packed = PoseTree(poses).read(SCAN)
    np.testing.assert_array_equal(packed.world_from_camera, from_texts.world_from_camera)
    assert packed.intrinsics == CAMERA
    assert pack_poses(SCAN, poses=poses, scannet=scannet).kept


def test_packing_again_adds_a_camera_and_new_frames(scannet: Path, tmp_path: Path) -> None:
    poses = tmp_path / "poses"
    folder = write_pose_texts(poses / "scans" / SCAN / "pose", look_poses(4))
    pack_poses(SCAN, poses=poses, scannet=None)
    assert PoseTree(poses).read(SCAN).intrinsics is None
    assert pack_poses(SCAN, poses=poses, scannet=None).kept
    assert not pack_poses(SCAN, poses=poses, scannet=scannet).kept
    write_pose_texts(folder, look_poses(5))
    assert not pack_poses(SCAN, poses=poses, scannet=scannet).kept
    assert len(PoseTree(poses).read(SCAN).frame_ids) == 5


def test_a_damaged_packed_file_is_made_again(tmp_path: Path) -> None:
    write_pose_texts(tmp_path / "scans" / SCAN / "pose", look_poses(2))
    pack_poses(SCAN, poses=tmp_path, scannet=None)
    path = PoseTree(tmp_path).packed_path(SCAN)
    path.write_bytes(path.read_bytes()[:40])
    assert not pack_poses(SCAN, poses=tmp_path, scannet=None).kept
    assert len(read_packed(path).frame_ids) == 2


def test_packing_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PoseNotFoundError, match=SCAN):
        pack_poses(SCAN, poses=tmp_path, scannet=None)


@pytest.mark.parametrize("jobs", [1, 2])
def test_scans_go_on_after_a_failure(tmp_path: Path, jobs: int) -> None:
    names = [f"scene000{i}_00" for i in range(4)]
    for name in names:
        write_pose_texts(tmp_path / "scans" / name / "pose", look_poses(2))
    (tmp_path / "scans" / names[1] / "pose" / "0.txt").write_text("broken")
    work = partial(pack_poses, poses=tmp_path, scannet=None)
    outcomes = run_on_scans(work, names, jobs=jobs, title="packing")
    assert [outcome.scene_id for outcome in outcomes] == names
    assert [bool(outcome.error) for outcome in outcomes] == [False, True, False, False]
    assert "0.txt" in outcomes[1].error
    assert all(PoseTree(tmp_path).packed_path(n).is_file() for n in names if n != names[1])
