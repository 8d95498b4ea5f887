"""Pose texts and packed poses: the same numbers in either form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from data_files import CAMERA, look_poses, write_json, write_pose_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from posealign_core.datasets.intrinsics_files import read_intrinsics, write_intrinsics
from posealign_core.datasets.pose_files import (
    PoseTree,
    Recording,
    read_packed,
    read_pose_folder,
    write_packed,
    write_pose_text,
)
from posealign_core.errors import DataError, PoseNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def _recording(poses: NDArray[np.float64]) -> Recording:
    names = tuple(str(i) for i in range(len(poses)))
    return Recording(frame_ids=names, world_from_camera=poses, intrinsics=CAMERA)


def test_texts_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    poses = look_poses(12)
    recording = read_pose_folder(write_pose_texts(tmp_path / "pose", poses, step=25))
    assert recording.frame_ids[:3] == ("0", "25", "50")
    assert recording.frame_ids[-1] == "275"
    np.testing.assert_allclose(recording.world_from_camera, poses, atol=5e-7)
    assert recording.intrinsics is None


def test_text_is_parsed_as_numpy_would(tmp_path: Path) -> None:
    folder = write_pose_texts(tmp_path / "pose", look_poses(3))
    by_numpy = np.stack([np.loadtxt(folder / f"{i}.txt") for i in range(3)])
    np.testing.assert_array_equal(read_pose_folder(folder).world_from_camera, by_numpy)


def test_the_camera_beside_the_texts_is_read(tmp_path: Path) -> None:
    folder = write_pose_texts(tmp_path / "pose", look_poses(1))
    write_intrinsics(tmp_path / "intrinsics.json", CAMERA)
    assert read_pose_folder(folder).intrinsics == CAMERA


def test_lost_and_cut_off_frames_are_rows_that_count_as_invalid(tmp_path: Path) -> None:
    poses = look_poses(5)
    poses[1], poses[2] = -np.inf, np.nan
    folder = write_pose_texts(tmp_path / "pose", poses)
    (folder / "4.txt").write_bytes(b"")
    recording = read_pose_folder(folder)
    assert recording.n_invalid == 3
    assert np.isneginf(recording.world_from_camera[1]).all()
    assert np.isnan(recording.world_from_camera[4]).all()


@pytest.mark.parametrize("text", ["1 2 3", "a " * 16, "1 " * 17])
def test_a_text_that_is_no_pose_is_named(tmp_path: Path, text: str) -> None:
    folder = write_pose_texts(tmp_path / "pose", look_poses(2))
    (folder / "1.txt").write_text(text)
    with pytest.raises(DataError, match=r"pose/1\.txt: wanted 4 rows of 4 numbers"):
        read_pose_folder(folder)


def test_a_text_without_a_frame_number_is_named(tmp_path: Path) -> None:
    folder = write_pose_texts(tmp_path / "pose", look_poses(1))
    (folder / "readme.txt").write_text("hello")
    with pytest.raises(DataError, match=r"'readme'\.txt"):
        read_pose_folder(folder)


def test_an_empty_folder_has_no_poses(tmp_path: Path) -> None:
    with pytest.raises(PoseNotFoundError):
        read_pose_folder(tmp_path)


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float64, (4, 4), elements=st.floats(-1e4, 1e4)))
def test_pose_text_round_trips_to_six_decimals(
    tmp_path_factory: pytest.TempPathFactory, pose: NDArray[np.float64]
) -> None:
    folder = tmp_path_factory.getbasetemp() / "round" / "pose"
    folder.mkdir(parents=True, exist_ok=True)
    write_pose_text(folder / "0.txt", pose)
    assert len((folder / "0.txt").read_text().splitlines()) == 4
    np.testing.assert_allclose(read_pose_folder(folder).world_from_camera[0], pose, atol=5.1e-7)


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(
        np.float64,
        st.tuples(st.integers(0, 5), st.just(4), st.just(4)),
        elements=st.floats(allow_nan=True, allow_infinity=True),
    ),
    st.booleans(),
)
def test_packed_poses_round_trip_exactly(
    tmp_path_factory: pytest.TempPathFactory, poses: NDArray[np.float64], with_camera: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "packed.npz"
    recording = _recording(poses)
    if not with_camera:
        recording = Recording(
            frame_ids=recording.frame_ids, world_from_camera=poses, intrinsics=None
        )
    write_packed(path, recording)
    assert read_packed(path).equals(recording)


def test_recordings_differ_in_each_of_their_parts() -> None:
    poses = look_poses(2)
    recording = _recording(poses)
    moved = poses.copy()
    moved[0, 0, 3] += 1e-9
    others = [
        Recording(frame_ids=("0", "2"), world_from_camera=poses, intrinsics=CAMERA),
        Recording(frame_ids=("0", "1"), world_from_camera=moved, intrinsics=CAMERA),
        Recording(frame_ids=("0", "1"), world_from_camera=poses, intrinsics=None),
    ]
    assert recording.equals(_recording(poses.copy()))
    assert not any(recording.equals(other) for other in others)


def test_a_truncated_packed_file_is_a_data_error(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    write_packed(path, _recording(look_poses(20)))
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=r"p\.npz"):
        read_packed(path)


def test_packed_arrays_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.npz"
    np.savez(path, frame_ids=["0"], world_from_camera=look_poses(2), intrinsics=[], image_size=[])
    with pytest.raises(DataError, match=r"wanted poses \(1, 4, 4\)"):
        read_packed(path)


def test_the_packed_form_is_preferred(tmp_path: Path) -> None:
    tree = PoseTree(tmp_path)
    write_pose_texts(tmp_path / "scans" / "scene0000_00" / "pose", look_poses(3))
    assert tree.read("scene0000_00").frame_ids == ("0", "1", "2")
    write_packed(tree.packed_path("scene0000_00"), _recording(look_poses(2)))
    assert tree.read("scene0000_00").frame_ids == ("0", "1")


@pytest.mark.parametrize("parent", ["scans", "scans_test", "."])
def test_texts_are_found_in_every_layout(tmp_path: Path, parent: str) -> None:
    tree = PoseTree(tmp_path)
    assert not tree.holds("scene0001_00")
    write_pose_texts(tmp_path / parent / "scene0001_00" / "pose", look_poses(1))
    assert tree.holds("scene0001_00")
    assert tree.text_scene_ids() == ["scene0001_00"]
    assert len(tree.read("scene0001_00").frame_ids) == 1


def test_missing_poses_say_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(PoseNotFoundError, match=r"scene0009_00.*extract-poses"):
        PoseTree(tmp_path).read("scene0009_00")


def test_one_camera_or_one_per_frame(tmp_path: Path) -> None:
    row = {"fx": 100, "fy": 101, "cx": 7.5, "cy": 5.5, "width": 16, "height": 12}
    one = write_json(tmp_path / "one.json", row)
    assert read_intrinsics(one, 3) == (CAMERA,) * 3
    each = write_json(tmp_path / "each.json", [row, {**row, "fx": 90}])
    assert [camera.fx for camera in read_intrinsics(each, 2)] == [100.0, 90.0]
    with pytest.raises(DataError, match="for each of 3 frames, found 2"):
        read_intrinsics(each, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"fx": -1}, "fx, fy > 0"), ({"fx": "wide"}, "a number"), ({"width": 1.5}, "an integer")],
)
def test_impossible_cameras_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    row = {"fx": 100, "fy": 101, "cx": 7.5, "cy": 5.5, "width": 16, "height": 12, **change}
    with pytest.raises(DataError, match=message):
        read_intrinsics(write_json(tmp_path / "c.json", row), 1)
