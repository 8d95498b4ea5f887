from __future__ import annotations

import json
from typing import TYPE_CHECKING

from posealign_core.errors import BackboneError
from posealign_core.runs.demo import Clock
from posealign_core.training.lora_trainer import LoraTrainer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from conftest import RunCli


DEMO = ("demo", "--jobs", "1", "--output")


def test_demo_runs_every_backbone_and_says_why_one_is_left_out(cli: RunCli, tmp_path: Path) -> None:
    done = cli(*DEMO, tmp_path)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    wanted = (
        "left out: toy-lacking: no_such_module is not installed; run: pip install no-such-package"
    )
    assert lines[0] == wanted
    assert [line for line in lines if line.startswith("[")] == [
        "[1/4] rooms (mini)",
        "[2/4] toy-baseline, seed 0",
        "[3/4] toy-transform, seed 0",
        "[4/4] report",
    ]
    assert lines[-1].endswith(f"open {tmp_path / 'report.html'}")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "pip install no-such-package" in page
    assert "best without the pose" in page
    tables = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    headline = next(table for table in tables if table["key"] == "headline")
    assert [row["Alignment"] for row in headline["rows"]] == [
        "best without the pose",
        "baseline",
        "transform, level, top",
    ]


def test_demo_does_finished_work_once(cli: RunCli, tmp_path: Path) -> None:
    first = cli(*DEMO, tmp_path)
    assert "was trained already" not in first.out
    again = cli(*DEMO, tmp_path)
    assert again.code == 0
    assert again.out.count("was trained already") == 2
    assert again.out.count("scanqa: was answered already") == 2


def test_demo_takes_seeds_and_names(cli: RunCli, tmp_path: Path) -> None:
    done = cli(*DEMO, tmp_path, "--backbones", "toy", "--seeds", "2")
    assert done.code == 0, done.err
    assert "left out" not in done.out
    assert len(list((tmp_path / "runs").glob("toy-*"))) == 4
    unknown = cli(*DEMO, tmp_path, "--backbones", "tory")
    assert unknown.code == 5
    assert "did you mean 'toy'" in unknown.err


def test_demo_without_a_usable_backbone_says_so(cli: RunCli, tmp_path: Path) -> None:
    done = cli(*DEMO, tmp_path, "--backbones", "toy-lacking")
    assert done.code == 1
    assert "no backbone can run here" in done.err


def test_one_failing_run_does_not_stop_the_others(
    cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = LoraTrainer.train

    def fail_aligned(self: LoraTrainer, *, resume: bool = True) -> object:
        if self.pipeline.settings.modes:
            raise BackboneError("it broke")
        return train(self, resume=resume)

    monkeypatch.setattr(LoraTrainer, "train", fail_aligned)
    done = cli(*DEMO, tmp_path)
    assert done.code == 1
    assert "failed: it broke" in done.out
    assert "it broke" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_unwritable_output_is_one_line(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = cli(*DEMO, tmp_path / "file" / "demo")
    assert done.code == 1
    assert done.err.startswith("posealign: error: cannot write")


def test_runs_that_do_not_fit_are_left_for_the_next_time(cli: RunCli, tmp_path: Path) -> None:
    first = cli(*DEMO, tmp_path, "--minutes", "0")
    assert first.code == 0, first.err
    late = "left out: toy-transform, seed 0: no time was left; run the same command again to add it"
    assert late in first.out
    assert "no time was left" in (tmp_path / "report.html").read_text(encoding="utf-8")
    again = cli(*DEMO, tmp_path)
    assert "toy-transform, seed 0\n    poses" in again.out


def test_clock_lets_runs_begin_that_would_end_in_time() -> None:
    seconds = [0.0]
    clock = Clock(5, now=lambda: seconds[0])
    seconds[0] = 1000.0
    assert clock.begin_run()  # the first, however late
    seconds[0] = 1010.0
    clock.end_run()
    assert not clock.begin_run()

    clock = Clock(5, now=lambda: seconds[0])
    assert clock.begin_run()
    seconds[0] += 140.0
    clock.end_run()
    assert clock.begin_run()  # would end after 280 of 300 seconds
    seconds[0] += 21.0
    assert not clock.begin_run()
    assert clock.elapsed_s == 161.0
