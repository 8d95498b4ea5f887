from __future__ import annotations

import dataclasses

import pytest

from posealign_core.errors import DataError
from posealign_core.judge.engine import Reply
from posealign_core.judge.labels import labels_of_verdicts, read_labels, write_labels
from posealign_core.judge.report import agreement_report, report_lines, verdict_report
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.settings import JudgeSettings

from .scripted import ScriptedJudge


@pytest.fixture
def verdicts(tmp_path, requests, rubric):
    """Correct for even numbers."""

    def script(ask, _):
        first, second = ask.prompt.order.letters
        return Reply(text=first if int(ask.request.key[1:]) % 2 == 0 else second)

    judge = ScriptedJudge(script)
    return judge_requests(requests, judge, rubric, JudgeSettings(), tmp_path / "v.jsonl").verdicts


def test_report_by_part(verdicts):
    labels = {f"q{n}": n < 5 for n in range(20)} | {"q19": None, "other": True}
    report = verdict_report(verdicts, labels=labels)
    parts = {name: (part["n_correct"], part["n"]) for name, part in report["parts"].items()}
    assert parts == {
        "all": (10, 20),
        "direction_critical": (3, 5),
        "other": (7, 14),
        "unlabelled": (0, 1),
    }
    assert report["parts"]["all"]["low_95"] < 0.5 < report["parts"]["all"]["high_95"]
    assert len(report_lines(report)) == 5
    with pytest.raises(DataError, match="label for every question"):
        verdict_report(verdicts, labels={"q0": True})
    with pytest.raises(DataError, match="found none"):
        verdict_report([])


def test_report_against_a_baseline(verdicts):
    better = [
        dataclasses.replace(v, status=verdicts[0].status) if v.key in {"q1", "q3"} else v
        for v in verdicts
    ]
    paired = verdict_report(better, baseline=verdicts)["against_baseline"]
    assert paired["difference"]["mean"] == pytest.approx(0.1)
    assert (paired["n_better"], paired["n_worse"], paired["p_value"]) == (2, 0, 0.5)
    with pytest.raises(DataError, match="baseline"):
        verdict_report(better, baseline=verdicts[1:])


def test_agreement_of_two_files(verdicts):
    report = agreement_report(verdicts, verdicts[:15])
    assert (report["n"], report["kappa"], report["n_undecided"]) == (15, 1.0, 5)
    other = [dataclasses.replace(verdicts[0], prediction_sha="x")]
    with pytest.raises(DataError, match="same answers"):
        agreement_report(verdicts, other)


def test_labels_on_disk(tmp_path, verdicts):
    labels = labels_of_verdicts(verdicts)
    assert labels["q0"] is True
    assert labels["q1"] is False
    path = tmp_path / "l.jsonl"
    write_labels(path, labels, benchmark="scanqa", split="val", rule="llm")
    assert read_labels(path) == labels
    path.write_text('{"key": 7, "direction_critical": true}\n')
    assert read_labels(path) == {"7": True}
    path.write_text(path.read_text() * 2)
    with pytest.raises(DataError, match="one label"):
        read_labels(path)
