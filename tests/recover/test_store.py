"""Tables on disk: ours, published ones, and damaged ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from recover_scans import CAMERA, ring, table, trajectory

from posealign_core.errors import DataError
from posealign_core.recover import load_table, save_table, table_path
from posealign_core.recover.store import DamagedTableError
from posealign_core.structures import FrameCounts

if TYPE_CHECKING:
    from pathlib import Path

SCORES = np.float32([[0.25, 0.0], [0.5, 1.0], [0.0, 0.125]])
COUNTS = FrameCounts(recorded=90, rejected=7, every=25, kept=3)
TABLE = table(SCORES, [-1, 4], counts=COUNTS, digest="abc", depth_tolerance_m=0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return table_path(tmp_path / "tables", "room")


def write_published(path: Path, **change: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {
        "cam_object_intersections": SCORES,
        "pose_files": np.array(["0.txt", "25.txt", "50.txt"]),
        "valid_object_ids": np.array([-1, 4]),
        **change,
    }
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})


def recorded() -> Any:
    poses = ring(4)
    poses[3] = np.nan
    return trajectory(poses, names=["50", "0", "25", "75"])


def test_name_is_the_published_one(path: Path) -> None:
    assert path.name == "room_view_instance_intersection_with_visibility.npz"


def test_round_trip(path: Path) -> None:
    save_table(path, TABLE)
    read = load_table(path)
    np.testing.assert_array_equal(read.scores, SCORES)
    np.testing.assert_array_equal(read.object_ids, [-1, 4])
    assert (read.rule, read.image_scale, read.depth_tolerance_m) == ("surface", 0.1, 0.05)
    assert (read.counts, read.digest, read.scene_id) == (COUNTS, "abc", "room")
    assert read.trajectory.frame_ids == ("0", "1", "2")
    assert read.trajectory.intrinsics == (CAMERA,) * 3
    np.testing.assert_array_equal(read.trajectory.world_from_camera, ring(3))


def test_a_tolerance_that_depends_on_the_depth_stays_nan(path: Path) -> None:
    save_table(path, table(SCORES, [-1, 4]))
    assert np.isnan(load_table(path).depth_tolerance_m)


def test_files_have_what_the_released_code_reads(path: Path) -> None:
    """The keys and types of 3d_llava spec 8.6, without pickles."""
    save_table(path, TABLE)
    with np.load(path, allow_pickle=False) as archive:
        scores, files, ids = (
            archive[key] for key in ("cam_object_intersections", "pose_files", "valid_object_ids")
        )
    assert scores.dtype == np.float32
    assert scores.shape == (3, 2)
    assert files.tolist() == ["0.txt", "1.txt", "2.txt"]
    assert files.dtype.kind == "U"
    assert ids.tolist() == [-1, 4]


def test_same_table_same_bytes(path: Path) -> None:
    save_table(path, TABLE)
    first = path.read_bytes()
    save_table(path, TABLE)
    assert path.read_bytes() == first


def test_published_file(path: Path) -> None:
    write_published(path)
    read = load_table(path, recorded())
    assert read.trajectory.frame_ids == ("0", "25", "50")
    np.testing.assert_array_equal(read.trajectory.world_from_camera, ring(4)[[1, 2, 0]])
    assert (read.rule, read.image_scale, read.depth_tolerance_m) == ("released", 0.1, 1e-3)
    assert read.counts == FrameCounts(recorded=4, rejected=1, every=25, kept=3)
    assert read.digest == ""


def test_published_file_needs_the_poses(path: Path) -> None:
    write_published(path)
    with pytest.raises(DataError, match="holds no camera poses; give the scan's trajectory"):
        load_table(path)


@pytest.mark.parametrize("name", ["75.txt", "100.txt"])
def test_published_file_of_another_export(path: Path, name: str) -> None:
    write_published(path, pose_files=np.array(["0.txt", "25.txt", name]))
    with pytest.raises(DataError, match=rf"names 1 frames .* {name[:-4]!r} for example"):
        load_table(path, recorded())


def test_missing_file(path: Path) -> None:
    with pytest.raises(DataError, match="found no such file; make it with 'posealign recover'"):
        load_table(path)


@pytest.mark.parametrize("kept", [0, 1, 100, -30])
def test_truncated_file(path: Path, kept: int) -> None:
    save_table(path, TABLE)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DamagedTableError, match="delete it and run 'posealign recover' again"):
        load_table(path)


@pytest.mark.parametrize(
    "change",
    [
        {"pose_files": None},
        {"valid_object_ids": np.array([1, 2, 3])},
        {"cam_object_intersections": np.full((3, 2), np.nan)},
        {"pose_files": np.array(["0.txt"])},
        {"pose_files": np.array([{"a": 1}, None, "x"], dtype=object)},
    ],
)
def test_file_with_wrong_contents(path: Path, change: dict[str, Any]) -> None:
    write_published(path, **change)
    with pytest.raises(DataError):
        load_table(path, recorded())


def test_own_file_without_one_of_its_arrays(path: Path) -> None:
    write_published(path, digest=np.array("abc"))
    with pytest.raises(DamagedTableError, match="no array scene_id, world_from_camera"):
        load_table(path)


def test_no_temporary_file_stays(path: Path) -> None:
    save_table(path, TABLE)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
