"""`posealign data`, through the entry point."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from data_files import look_poses, write_json, write_pose_texts, write_scan, write_stream
from playground_files import QUESTIONS, write_playground

from posealign_core.cli.data import DataCommand
from posealign_core.cli.main import main
from posealign_core.datasets import make_poses
from posealign_core.datasets.manifest import MANIFEST
from posealign_core.datasets.pose_files import PoseTree
from posealign_core.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.datasets.pose_files import Recording


@pytest.fixture
def scannet(tmp_path: Path) -> Path:
    for i in range(2):
        poses = look_poses(3)
        poses[2] = float("inf")
        name = f"scene000{i}_00"
        write_stream(write_scan(tmp_path / "scannet", name) / f"{name}.sens", poses)
    return tmp_path / "scannet"


def _run(*arguments: object) -> int:
    return main(["data", *map(str, arguments)])


def test_poses_are_extracted_once_in_both_forms(
    scannet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("extract-poses", scannet, "--out", tmp_path / "p", "--form", "both", "--jobs", 1)
    assert _run(*arguments) == ExitCode.OK
    line = "2 scans (0 were there already), 6 frames, 2 of them with invalid poses, 0 failed"
    assert capsys.readouterr().out.splitlines() == [line] * 2
    assert PoseTree(tmp_path / "p").text_scene_ids() == ["scene0000_00", "scene0001_00"]
    assert _run(*arguments) == ExitCode.OK
    assert "2 scans (2 were there already)" in capsys.readouterr().out


def test_a_damaged_stream_fails_alone(
    scannet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scannet / "scans" / "scene0000_00" / "scene0000_00.sens"
    path.write_bytes(path.read_bytes()[:-50])
    assert _run("extract-poses", scannet, "--out", tmp_path / "p", "--jobs", 1) == ExitCode.DATA
    captured = capsys.readouterr()
    assert "1 scans" in captured.out
    assert "1 failed" in captured.out
    assert "scene0000_00.sens, frame 2 of 3: the stream ends early" in captured.err
    assert PoseTree(tmp_path / "p").packed_path("scene0001_00").is_file()


def test_a_folder_without_scans_is_a_one_line_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("extract-poses", tmp_path, "--out", tmp_path / "p") == ExitCode.DATA
    assert _run("pack-poses", tmp_path) == ExitCode.DATA
    error = capsys.readouterr().err
    assert error.count("found no scans to work on") == error.count("\n") == 2


@pytest.mark.parametrize("form", ["packed", "text"])
def test_an_output_that_cannot_be_written_is_named(
    scannet: Path, tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    out = ("--out", tmp_path / "file", "--form", form, "--jobs", 1)
    assert _run("extract-poses", scannet, *out) == ExitCode.DATA
    error = capsys.readouterr().err
    assert "choose another" in error
    assert "Traceback" not in error


def test_an_interrupted_run_is_continued(
    scannet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write = make_poses.write_packed
    written: list[Path] = []

    def interrupted_at_second(path: Path, recording: Recording) -> None:
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt
        write(path, recording)

    arguments = ("extract-poses", scannet, "--out", tmp_path / "p", "--jobs", 1)
    monkeypatch.setattr(make_poses, "write_packed", interrupted_at_second)
    assert _run(*arguments) == ExitCode.INTERRUPTED
    assert "run the same command to continue" in capsys.readouterr().err
    monkeypatch.undo()
    assert _run(*arguments) == ExitCode.OK
    assert "2 scans (1 were there already)" in capsys.readouterr().out


def test_named_scans_only(scannet: Path, tmp_path: Path) -> None:
    _run("extract-poses", scannet, "--out", tmp_path, "--scenes", "scene0001_00", "--jobs", 1)
    assert [path.stem for path in (tmp_path / "packed").iterdir()] == ["scene0001_00"]


def test_texts_are_packed(
    scannet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pose_texts(tmp_path / "poses" / "scans" / "scene0000_00" / "pose", look_poses(4))
    assert _run("pack-poses", tmp_path / "poses", "--scannet", scannet, "--jobs", 1) == ExitCode.OK
    assert "1 scans (0 were there already), 4 frames" in capsys.readouterr().out
    assert PoseTree(tmp_path / "poses").read("scene0000_00").intrinsics is not None


def test_scanqa_is_matched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_playground(tmp_path / "playground")
    train = {
        "question_id": "train-0",
        "scene_id": "scene0000_00",
        "question": QUESTIONS["scene0000_00"],
        "object_ids": [3, 4],
    }
    write_json(tmp_path / "ScanQA_v1.0_train.json", [train])
    val = {**train, "question_id": "val-0", "scene_id": "scene0001_00"}
    write_json(tmp_path / "ScanQA_v1.0_val.json", [val])
    assert _run("match-scanqa", "--annotations", tmp_path, "--playground", root) == ExitCode.OK
    out = capsys.readouterr().out
    assert "1 samples, 0 unmatched" in out
    assert "1 questions" in out


def test_verify_prints_each_finding_and_fails_on_errors(
    scannet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("verify", "scannet", scannet, "--jobs", 1) == ExitCode.OK
    assert capsys.readouterr().out == f"{scannet}: 0 errors, 0 warnings\n"
    (scannet / "scans" / "scene0001_00" / "scene0001_00.txt").unlink()
    assert _run("verify", "scannet", scannet, "--jobs", 1) == ExitCode.DATA
    out = capsys.readouterr().out
    assert "error: scan 'scene0001_00': wanted its info file scene0001_00.txt" in out
    assert f"{scannet}: 1 errors, 0 warnings" in out


def test_verify_of_a_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_json(tmp_path / "multi3drefer_val.json", [])
    arguments = ("verify", "multi3drefer", tmp_path)
    assert _run(*arguments, "--splits", "val") == ExitCode.OK
    assert "warning: multi3drefer val: 0 queries" in capsys.readouterr().out
    assert _run(*arguments) == ExitCode.DATA
    assert "multi3drefer_train.json" in capsys.readouterr().out


def test_verify_of_a_generic_folder_reads_scenes_and_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = tmp_path / "room"
    scene.mkdir()
    np.save(scene / "points.npy", np.zeros((1, 3)))
    write_json(scene / "questions.json", [{"id": 1, "kind": "guess"}])
    write_json(tmp_path / "splits.json", {"dev": ["room"]})
    assert _run("verify", "generic", tmp_path, "--jobs", 1) == ExitCode.DATA
    out = capsys.readouterr().out
    assert "wanted poses.npy, poses.txt" in out
    assert "wanted a kind of answer" in out
    assert "2 errors" in out


def test_situations_of_missing_scans_fail_one_by_one(
    scannet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = {
        "scene_id": "scene0009_00",
        "situation": "",
        "question": "?",
        "question_id": 1,
    }
    annotation = {"question_id": 1, "answers": [], "position": {}, "rotation": {}}
    folder = tmp_path / "sqa3d"
    write_json(folder / "v1_balanced_questions_val_scannetv2.json", {"questions": [question]})
    write_json(
        folder / "v1_balanced_sqa_annotations_val_scannetv2.json", {"annotations": [annotation]}
    )
    arguments = ("place-situations", scannet, "--annotations", folder, "--splits", "val")
    assert _run(*arguments) == ExitCode.DATA
    captured = capsys.readouterr()
    assert "0 poses, 1 failed" in captured.out
    assert "scene0009_00: wanted scan 'scene0009_00'" in captured.err


def test_the_manifest_in_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("manifest") == ExitCode.OK
    assert "posealign data extract-poses" in capsys.readouterr().out
    assert _run("manifest", "--json") == ExitCode.OK
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [files.name for files in MANIFEST]


def test_commands_of_manifest_and_examples_exist(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _run("--help")
    listed = capsys.readouterr().out
    texts = [files.command for files in MANIFEST] + list(DataCommand.examples)
    jobs = {job for text in texts for job in re.findall(r"posealign data ([\w-]+)", text)}
    assert len(jobs) == 7
    assert all(job in listed for job in jobs)


def test_an_unknown_name_is_a_one_line_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("verify", "scanet", tmp_path) == ExitCode.PLUGIN
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "did you mean 'scannet'" in error
