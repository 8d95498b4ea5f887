from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from toy_run import make_host

from posealign_core.errors import ConfigError, ExitCode
from posealign_core.runs import study as study_module
from posealign_core.runs.folder import RunFolder
from posealign_core.runs.lock import FolderLock
from posealign_core.runs.study import StudyAccount
from posealign_core.runs.study_file import read_study
from posealign_core.runs.study_plan import plan_study
from posealign_core.runs.workers import Job, JobOutcome

if TYPE_CHECKING:
    from conftest import RunCli


def write_study(tmp_path: Path, **changes: Any) -> Path:
    values = {
        "title": "Toys <compared>",
        "output": str(tmp_path / "study"),
        "prepare": [f"rooms make {tmp_path / 'rooms'}"],
        "chance": str(tmp_path / "rooms" / "rooms.json"),
        "presets": ["demo/baseline", "demo/transform"],
        "settings": {
            "dataset": {
                "name": "scannet",
                "root": str(tmp_path / "rooms"),
                "annotations": str(tmp_path / "rooms" / "annotations"),
                "benchmarks": ["scanqa"],
            },
            "train": {"max_steps": 2},
        },
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(values | changes, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture
def toy_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that know the toy plugin."""
    main = str(Path(__file__).parent / "toy_main.py")
    command = lambda *words: [sys.executable, main, *words]  # noqa: E731
    monkeypatch.setattr(study_module, "posealign_command", command)


def states(tmp_path: Path) -> dict[str, str]:
    account = json.loads((tmp_path / "study" / "study.json").read_text(encoding="utf-8"))
    return {member["label"]: member["state"] for member in account["members"]}


BASE, TURNED = "toy: demo/baseline, seed 0", "toy: demo/transform, seed 0"


@pytest.mark.usefixtures("toy_workers")
def test_killed_member_is_listed_and_goes_on_in_the_next_call(
    cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_study(tmp_path, presets=["demo/transform"])
    monkeypatch.setenv("TOY_DIES_AT", str(tmp_path / "died"))
    first = cli("study", path)
    assert states(tmp_path) == {TURNED: "failed"}
    assert first.code == 1
    assert "killed by SIGKILL" in first.out
    assert "no run could be finished" in first.err
    shown = cli("study", path, "--dry-run")
    assert "1 runs, 0 of them done" in shown.out
    assert "before 'predict scanqa'" in shown.out

    second = cli("study", path, "--jobs", "2")
    assert second.code == 0, second.out + second.err
    assert states(tmp_path) == {TURNED: "done"}
    (log,) = (tmp_path / "study" / "members").glob("*.log")
    assert "was trained already" in log.read_text(encoding="utf-8")
    page = (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
    for text in ("Toys &lt;compared&gt;", "toy-lacking", "best without the pose"):
        assert text in page, text

    third = cli("study", path)
    assert third.code == 0
    assert "1 runs, 1 of them done already" in third.out
    assert "begins" not in third.out


def test_member_that_another_process_works_on_is_not_failed(tmp_path: Path) -> None:
    plan = plan_study(make_host(), read_study(write_study(tmp_path)))
    account = StudyAccount(tmp_path / "study" / "study.json", plan)
    job = Job(BASE, [], tmp_path / "log")
    account.note(plan.members[0], JobOutcome(job, ExitCode.BUSY, 1.0))
    assert states(tmp_path) == {BASE: "busy", TURNED: "new"}
    assert account.n_failed == 0
    assert account.left_out[BASE] == "another process is working on it"
    # A process that ends well, yet leaves no finished run, is not taken at its word.
    account.note(plan.members[1], JobOutcome(job, 0, 1.0))
    assert account.reasons[TURNED] == "it ended new"
    assert account.n_failed == 1


def test_run_in_use_is_refused(cli: RunCli, tmp_path: Path, run_arguments: list[str]) -> None:
    arguments = ("--preset", "toy/demo/baseline", *run_arguments)
    assert cli("predict", *arguments).code == 4
    (folder,) = (tmp_path / "runs").glob("run-*")
    with FolderLock(RunFolder(folder).lock_path).hold():
        refused = cli("run", "--run", folder)
    assert refused.code == 8
    assert "found process" in refused.err


def test_plan_is_the_grid_without_what_is_excluded(cli: RunCli, tmp_path: Path) -> None:
    axes = {
        "frame": {"level": {"align.ego_frame": "level"}, "camera": {"align.ego_frame": "camera"}}
    }
    path = write_study(
        tmp_path,
        seeds=[0, 1],
        axes=axes,
        exclude=[{"preset": "demo/baseline", "frame": "camera"}, {"seed": 1, "frame": "camera"}],
    )
    found = json.loads(cli("study", path, "--dry-run", "--json").out)
    assert [run["label"] for run in found["runs"]] == [
        "toy: demo/baseline, level, seed 0",
        "toy: demo/transform, level, seed 0",
        "toy: demo/transform, camera, seed 0",
        "toy: demo/baseline, level, seed 1",
        "toy: demo/transform, level, seed 1",
    ]
    assert {run["state"] for run in found["runs"]} == {"new"}
    assert found["left_out"] == {
        "toy-lacking": "no_such_module is not installed; run: pip install no-such-package"
    }
    assert not (tmp_path / "study").exists()


def test_unknown_presets_and_equal_cells_are_left_out_with_the_reason(tmp_path: Path) -> None:
    same = {"twice": {"one": {"train.max_steps": 2}, "two": {"train.max_steps": 2}}}
    path = write_study(tmp_path, axes=same, presets=["demo/transform", "demo/none"])
    plan = plan_study(make_host(), read_study(path))
    assert len(plan.members) == 1
    assert plan.left_out["toy"] == "it has no run preset demo/none"
    twin = plan.left_out["toy: demo/transform, two, seed 0"]
    assert twin == "its configuration is that of toy: demo/transform, one, seed 0"


def test_benchmarks_that_a_backbone_cannot_answer_are_left_out(tmp_path: Path) -> None:
    settings = {"dataset": {"name": "scannet", "root": "x", "benchmarks": ["scanqa", "nr3d"]}}
    plan = plan_study(make_host(), read_study(write_study(tmp_path, settings=settings)))
    assert {m.resolved.config.eval_benchmarks for m in plan.members} == {("scanqa",)}
    assert plan.left_out["toy on nr3d"] == "the backbone has no answers to select"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"seeds": [0, 0]}, "seeds: a value is there twice"),
        ({"presets": []}, "presets: wanted at least one"),
        ({"exclude": [{"fram": "level"}]}, "names ['fram']"),
        ({"axes": {"seed": {"a": {}}}}, "axes.seed: is an axis already"),
        ({"settings": {"output": {"root": "x"}}}, "output.root: belongs to the study"),
        ({"outputs": "x"}, "outputs"),
    ],
)
def test_faults_of_a_study_file_are_named(
    tmp_path: Path, changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read_study(write_study(tmp_path, **changes))
    assert fault in str(caught.value)


def test_faults_of_members_are_named_once(cli: RunCli, tmp_path: Path) -> None:
    path = write_study(tmp_path, settings={"dataset": {"name": "nowhere", "root": "x"}})
    failed = cli("study", path, "--dry-run")
    assert failed.code == 3
    assert "toy: demo/baseline, seed 0: dataset.name" in failed.err
