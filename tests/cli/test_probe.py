from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest

from posealign_core.evaluation.evaluator import Evaluator
from posealign_core.evaluation.probes import load_probe

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import RunCli

PRESET = ("--preset", "toy/demo/transform")


def test_probes_of_a_run(
    cli: RunCli, run_arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("run", *PRESET, *run_arguments, "--jobs", "1", "--untrained").code == 0
    (folder,) = (tmp_path / "runs").glob("run-*")

    probes = ("--probes", "world_rotation", "views_agreement")
    first = cli("probe", folder, *probes)
    assert first.code == 0, first.err
    assert "world_rotation: done" in first.out
    found = load_probe(folder / "probes" / "world_rotation.json")
    again = [r for r in found.rows if (r.x, r.measure, r.subset) == (0.0, "same answer", "all")]
    assert [(row.estimate.mean, row.estimate.n) for row in again] == [(1.0, 8)]
    assert found.protocols == {"scanqa": "strict version 1"}
    with (folder / "probes" / "views_agreement_histogram.csv").open(encoding="utf-8") as file:
        bins = [line for line in csv.DictReader(file) if line["subset"] == "all"]
    assert [int(line["from_deg"]) for line in bins] == list(range(0, 180, 10))
    assert {(line["benchmark"], line["selector"]) for line in bins} == {("scanqa", "top")}
    assert sum(int(line["n_questions_by_largest_angle"]) for line in bins) == 8
    assert sum(float(line["share_of_pairs_of_draws"]) for line in bins) == pytest.approx(1.0)
    questions = (folder / "probes" / "views_agreement_questions.csv").read_text(encoding="utf-8")
    assert len(questions.splitlines()) == 9

    answers = folder / "probes" / "world_rotation" / "scanqa" / "world-90.jsonl"
    record = json.loads(answers.read_text(encoding="utf-8").splitlines()[0])
    assert record["run"]["id"] == f"{folder.name} world-90"

    asked: list[Path] = []
    predict = Evaluator.predict

    def counted(self: Evaluator, *arguments: object, **options: object) -> object:
        asked.append(arguments[5])  # type: ignore[arg-type]
        return predict(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Evaluator, "predict", counted)
    assert "world_rotation: was done already" in cli("probe", folder, *probes).out
    assert asked == []
    few = cli("probe", folder, "--probes", "world_rotation", "--questions", "3")
    assert "world_rotation: done" in few.out
    assert len(asked) == 4
    row = load_probe(folder / "probes" / "world_rotation.json").rows[0]
    assert row.estimate.n == 3


def test_an_interrupted_probe_goes_on(
    cli: RunCli, run_arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("run", *PRESET, *run_arguments, "--jobs", "1", "--untrained").code == 0
    (folder,) = (tmp_path / "runs").glob("run-*")
    predict = Evaluator.predict

    def stopped(self: Evaluator, *arguments: object, **options: object) -> object:
        if "180" in str(arguments[5]):
            raise KeyboardInterrupt
        return predict(self, *arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "predict", stopped)
        assert cli("probe", folder, "--probes", "world_rotation").code == 130
    kept = folder / "probes" / "world_rotation" / "scanqa" / "world-90.jsonl"
    before = kept.stat().st_mtime_ns
    assert cli("probe", folder, "--probes", "world_rotation").code == 0
    assert kept.stat().st_mtime_ns == before


def test_what_cannot_be_probed(cli: RunCli, run_arguments: list[str], tmp_path: Path) -> None:
    assert cli("probe", tmp_path / "nothing").code == 3
    assert cli("predict", *PRESET, *run_arguments).code == 4
    (folder,) = (tmp_path / "runs").glob("run-*")
    early = cli("probe", folder, "--probes", "leak")
    assert early.code == 4
    assert "wanted answers to 'scanqa'" in early.err
    assert "leak" in cli("list", "probes").out
