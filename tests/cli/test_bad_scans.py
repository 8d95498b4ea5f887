"""What someone with a damaged or odd scan is told: one line that says what to do, or a count."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from posealign_core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import RunCli

    Damage = Callable[[Path], object]

CAMERA = {"fx": 500, "fy": 500, "cx": 320, "cy": 240, "width": 640, "height": 480}


def write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A stove between two cameras that look along y."""
    folder = tmp_path / "scans" / "kitchen"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    np.save(folder / "points.npy", rng.uniform([-1, 2, 0], [1, 3, 1], (500, 3)))
    np.save(folder / "masks.npy", np.full(500, 7))
    write(folder / "labels.json", {"7": "stove"})
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    poses = np.stack([pose, pose])
    poses[:, :3, 3] = [[0, -1, 0.5], [0.2, -1, 0.5]]
    np.save(folder / "poses.npy", poses)
    write(folder / "intrinsics.json", CAMERA)
    write(folder / "scene.json", {"up": [0, 0, 1]})
    write(folder / "questions.json", [{"id": "q", "text": "what is this?", "targets": [7]}])
    return folder


@pytest.fixture
def recover(cli: RunCli, scan: Path, tmp_path: Path) -> Callable[[Damage], tuple[int, str]]:
    def run(damage: Damage) -> tuple[int, str]:
        damage(scan)
        arguments = ("recover", "--root", scan.parent, "--every", "1", "--output", tmp_path / "vis")
        found = cli(*arguments)
        said = found.out + found.err
        assert "Traceback" not in said
        return found.code, " ".join(said.split())

    return run


def edit_array(name: str, change: Callable[[Any], Any]) -> Damage:
    return lambda scan: np.save(scan / name, change(np.load(scan / name)))


def with_nan(points: Any) -> Any:
    points[3] = np.nan
    return points


def halve(name: str) -> Damage:
    def cut(scan: Path) -> None:
        content = (scan / name).read_bytes()
        (scan / name).write_bytes(content[: len(content) // 2])

    return cut


def one_point(scan: Path) -> None:
    np.save(scan / "points.npy", [[0.0, 2.0, 0.5]])
    np.save(scan / "masks.npy", [7])


def no_point(scan: Path) -> None:
    np.save(scan / "points.npy", np.zeros((0, 3)))
    np.save(scan / "masks.npy", np.zeros(0, dtype=int))


def test_a_sound_scan(recover: Any) -> None:
    code, said = recover(lambda scan: None)
    assert code == ExitCode.OK
    assert "100.0% of 1 objects are seen" in said
    assert "failed" not in said


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (edit_array("points.npy", with_nan), "found NaN or Inf in 1 of 500, first at 3; remove"),
        (edit_array("masks.npy", lambda m: m[:-1]), "masks.npy"),
        (lambda scan: (scan / "masks.npy").unlink(), "neither masks nor boxes nor centres"),
        (edit_array("poses.npy", np.zeros_like), "none among 2 recorded frames; check the pose"),
        (halve("points.npy"), "damaged or not of its format"),
        (halve("masks.npy"), "damaged or not of its format"),
        (halve("poses.npy"), "damaged or not of its format"),
        (halve("intrinsics.json"), "intrinsics.json: wanted JSON, found damage at line 1"),
        (halve("scene.json"), "scene.json: wanted JSON, found damage at line 1"),
        (lambda scan: (scan / "intrinsics.json").unlink(), "intrinsics.json"),
        (lambda scan: write(scan / "scene.json", {"upp": [0, 0, 1]}), "upp"),
    ],
)
def test_scans_that_cannot_be_used(recover: Any, damage: Damage, told: str) -> None:
    code, said = recover(damage)
    assert code == ExitCode.DATA
    assert "kitchen: failed: " in said
    assert told in said


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (one_point, "100.0% of 1 objects are seen"),
        (no_point, "it has no labelled object; every pose will be a fallback"),
        (edit_array("masks.npy", lambda m: m * 0 - 1), "it has no labelled object"),
        (
            edit_array("poses.npy", lambda p: np.concatenate([p, p * np.nan, p * 0])),
            "2 frames kept of 6 recorded (4 with unusable poses)",
        ),
        (
            lambda scan: write(scan / "intrinsics.json", {**CAMERA, "width": 64, "height": 48}),
            "are the intrinsics those of another image size?",
        ),
        (
            edit_array("poses.npy", lambda p: p + np.eye(4)[:, [3]] @ np.zeros((1, 4))),
            "100.0% of 1 objects are seen",
        ),
        (
            edit_array("poses.npy", np.linalg.inv),
            "that poses are camera-to-world with the stated axes",
        ),
    ],
)
def test_odd_scans_are_counted_or_noted(recover: Any, damage: Damage, told: str) -> None:
    code, said = recover(damage)
    assert code == ExitCode.OK
    assert told in said


def test_a_camera_inside_a_wall_is_counted_as_seeing_nothing(recover: Any) -> None:
    """The second camera stands in a slab of unlabelled points that fill its view."""

    def wall(scan: Path) -> None:
        points, masks = np.load(scan / "points.npy"), np.load(scan / "masks.npy")
        slab = np.random.default_rng(1).uniform([-2, -0.9, -1], [2, -0.8, 2], (40_000, 3))
        np.save(scan / "points.npy", np.concatenate([points, slab]))
        np.save(scan / "masks.npy", np.concatenate([masks, np.full(len(slab), -1)]))

    code, said = recover(wall)
    assert code == ExitCode.OK
    assert "0.0% of 1 objects are seen" in said


def test_an_object_that_the_scan_lacks_is_a_fallback(cli: RunCli, scan: Path) -> None:
    write(scan / "questions.json", [{"id": "q", "text": "what is this?", "targets": [99]}])
    root = scan.parent
    picture = scan / "pose.png"
    where = ("--root", root, "--benchmark", "generic", "--annotations", root, "--split", "test")
    found = cli("pose", *where, "--query", "kitchen|q", "--every", "1", "--output", picture)
    assert found.code == ExitCode.OK
    assert "fallback: the scan has no points of object 99" in found.out


def test_a_scan_listed_twice(cli: RunCli, scan: Path, tmp_path: Path) -> None:
    write(scan.parent / "splits.json", {"test": ["kitchen", "kitchen"]})
    found = cli("recover", "--root", scan.parent, "--split", "test", "--output", tmp_path / "vis")
    assert found.code == ExitCode.DATA
    assert "kitchen" in found.err
    assert "twice" in found.err
