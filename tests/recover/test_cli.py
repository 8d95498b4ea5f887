"""The verbs recover, pose and recover-stats, on a generic folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from recover_scans import write_folder

from posealign_core.cli.main import main
from posealign_core.recover import load_table, table_path

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POSEALIGN_PLUGINS", "")
    monkeypatch.chdir(tmp_path)
    return write_folder(tmp_path / "scans", ["a", "b"])


def run(*arguments: Any) -> int:
    return main([str(argument) for argument in arguments])


def assert_is_picture(path: Path) -> None:
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert min(pixels.shape[:2]) > 300
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20


def test_recover(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("recover", "--root", root, "--every", 1, "--engine", "numpy", "--jobs", 1)
    assert run(*arguments) == 0
    shown = capsys.readouterr().out
    assert "2 of 2 scans in visibility, 2 made" in shown
    assert "16 frames kept of 16 recorded (0 with unusable poses)" in shown
    assert "100.0% of 10 objects" in shown
    assert run(*arguments) == 0
    assert "2 kept" in capsys.readouterr().out
    assert load_table(table_path(root.parent / "visibility", "a")).rule == "surface"


def test_recover_json_and_failures(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(root / "b" / "poses.npy", np.full((3, 4, 4), np.nan))
    code = run("recover", "--root", root, "--rule", "released", "--jobs", 1, "--json")
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 4
    assert [row["action"] for row in rows] == ["made", "failed"]
    assert (rows[0]["rule"], rows[0]["kept"]) == ("released", 1)
    assert "b: failed: scene 'b': wanted a finite rigid camera pose" in err
    assert "a: note: 1 of 8 usable frames are kept" in err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--rule", "ray"), 3, "rule: wanted one of auto, surface"),
        (("--scenes", "zz"), 4, "zz: failed"),
        (("--dataset", "scanet"), 5, "did you mean 'scannet'"),
    ],
)
def test_recover_errors(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    assert run("recover", "--root", root, "--jobs", 1, *arguments) == code
    errors = capsys.readouterr().err
    assert message in errors
    assert "Traceback" not in errors


def pose(root: Path, *arguments: Any) -> int:
    options = ("--every", 1, "--engine", "numpy", "--output", "p.png")
    return run("pose", "--root", root, *options, *arguments)


def test_pose_of_a_bare_target(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pose(root, "--scene", "a", "--target", 3) == 0
    shown = capsys.readouterr().out
    assert "of 8 kept frames see object 3" in shown
    assert "<- chosen" in shown
    assert "recovered by top" in shown
    assert_is_picture(root.parent / "p.png")


def test_pose_of_a_question(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = [{"id": "1", "text": "What is it?", "targets": [2], "answers": ["a chair"]}]
    (root / "a" / "questions.json").write_text(json.dumps(questions))
    run("recover", "--root", root, "--every", 1, "--engine", "numpy", "--jobs", 1)
    capsys.readouterr()
    chosen = ("--selector", "clip", "-p", "ratio=0.2", "--tables", "visibility", "--json")
    asked = ("--benchmark", "generic", "--query", "a|1", "--split", "test", "--annotations", root)
    assert pose(root, *asked, *chosen) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["source"], row["selector"], row["object_id"]) == ("recovered", "clip", 2)
    scores = [candidate["score"] for candidate in row["candidates"]]
    assert scores == sorted(scores, reverse=True)
    chosen_score = {c["frame_id"]: c["score"] for c in row["candidates"]}[row["frame_id"]]
    assert chosen_score == row["score"] not in (scores[0], scores[-1])
    assert_is_picture(root.parent / "p.png")


def test_pose_that_falls_back(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pose(root, "--scene", "a", "--target", 99) == 0
    assert "fallback: the scan has no points of object 99" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--scene", "a"), 4, "wanted --query with --benchmark, or --scene with --target"),
        (("--scene", "a", "--target", 1, "--selector", "given"), 4, "give parameters with -p"),
        (("--scene", "a", "--target", 1, "-p", "x"), 4, "wanted KEY=VALUE"),
        (("--scene", "a", "--target", 1, "--tables", "none"), 4, "make it with 'posealign recov"),
        (("--scene", "a", "--target", 1, "--selector", "tip"), 5, "did you mean 'top'"),
    ],
)
def test_pose_errors(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[Any, ...],
    code: int,
    message: str,
) -> None:
    assert pose(root, *arguments) == code
    assert message in capsys.readouterr().err


def test_recover_stats(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poses = np.load(root / "b" / "poses.npy")
    poses[0] = np.inf
    np.save(root / "b" / "poses.npy", poses)
    run("recover", "--root", root, "--every", 1, "--engine", "numpy", "--jobs", 1)
    capsys.readouterr()
    assert run("recover-stats", "--root", root, "--tables", "visibility", "--json") == 0
    numbers = json.loads(capsys.readouterr().out)
    assert (numbers["scans"], numbers["objects"]) == (2, 10)
    assert (numbers["frames_recorded"], numbers["frames_with_unusable_poses"]) == (16, 1)
    assert numbers["objects_never_seen"] == 0
    assert numbers["frames_per_object_median"] in (7, 7.5, 8)
    assert_is_picture(root.parent / "recover-stats.png")


def test_recover_stats_without_tables(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("recover-stats", "--root", root, "--tables", "visibility") == 4
    assert "none of 2 scans has a readable table" in capsys.readouterr().err
