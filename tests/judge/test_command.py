from __future__ import annotations

import json

import pytest

from posealign_core.cli.main import main
from posealign_core.errors import ExitCode
from posealign_core.judge.request import requests_text

from .conftest import make_request

QUESTIONS = [
    {
        "question_id": f"q{n}",
        "scene_id": f"scene0{n}",
        "question": question,
        "answers": answers,
        "object_ids": [1],
        "object_names": ["x"],
    }
    for n, (question, answers) in enumerate(
        [
            ("What is left of the bed?", ["lamp"]),
            ("What color is the bed?", ["red"]),
            ("How many beds?", ["2"]),
        ]
    )
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ScanQA_v1.0_val.json").write_text(json.dumps(QUESTIONS))
    answers = [{"key": "q0", "text": "A lamp."}, {"key": "q1", "text": "blue"}]
    lines = "".join(json.dumps(answer) + "\n" for answer in answers)
    (tmp_path / "P.jsonl").write_text(lines)
    return tmp_path


def judge(job, folder, *arguments):
    source = ("--benchmark", "scanqa", "--root", str(folder))
    return main(["judge", job, *source, *arguments])


def test_grade_label_report_agree(folder, capsys):
    verdicts, labels = str(folder / "V.jsonl"), str(folder / "L.jsonl")
    assert judge("grade", folder, "--pred", str(folder / "P.jsonl"), "--out", verdicts) == 0
    shown = capsys.readouterr().out
    assert "no LLM" in shown
    assert "33.3" in shown
    assert "1 missing" in shown
    assert judge("label", folder, "--out", labels) == 0
    assert "1 of 3 need a direction (r3d_words)" in capsys.readouterr().out
    out = folder / "report.json"
    report = ["judge", "report", "--verdicts", verdicts, "--labels", labels, "--out", str(out)]
    assert main(report) == 0
    parts = json.loads(out.read_text())["parts"]
    assert parts["direction_critical"]["strict"] == 1.0
    assert main(["judge", "agree", verdicts, verdicts]) == 0
    assert "kappa" in capsys.readouterr().out


def test_rules_and_the_lexical_labeller_agree(folder):
    for rule in ("r3d_words", "llm"):
        assert judge("label", folder, "--rule", rule, "--out", str(folder / rule)) == 0
    labels = [
        [
            json.loads(line)["direction_critical"]
            for line in (folder / rule).read_text().splitlines()
        ]
        for rule in ("r3d_words", "llm")
    ]
    assert labels[0] == labels[1] == [True, False, False]


def test_the_labeller_is_compared_with_a_word_list(folder, capsys):
    out = str(folder / "L.jsonl")
    assert judge("label", folder, "--rule", "llm", "--against", "r3d_words", "--out", out) == 0
    assert "agreement with r3d_words: 1.000, kappa 1.000" in capsys.readouterr().out


def test_dry_run_asks_nothing(folder, capsys):
    arguments = ["--pred", str(folder / "P.jsonl"), "--out", str(folder / "V.jsonl"), "--dry-run"]
    arguments += ["--judge", "openai", "--price-in", "1", "--price-out", "10"]
    assert judge("grade", folder, *arguments) == 0
    shown = capsys.readouterr().out
    assert "2 calls to openai with scanqa.v1" in shown
    assert "cost at most 0.0" in shown
    assert not (folder / "V.jsonl").exists()


def test_audit_writes_a_table(folder, capsys):
    requests = folder / "R.jsonl"
    requests.write_text(requests_text(make_request(n) for n in range(4)))
    out = folder / "audit"
    arguments = ["judge", "audit", "--requests", str(requests), "--out", str(out)]
    assert main(arguments) == 0
    assert "injection" in capsys.readouterr().out
    outcomes = {o["probe"]: o for o in json.loads((out / "audit.json").read_text())}
    assert outcomes["injection"]["fail_rate"] == 0.0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), ExitCode.CONFIG, "either --requests or --pred"),
        (("--pred", "P", "--judge", "lexcal"), ExitCode.PLUGIN, "'lexical'"),
        (("--pred", "P", "-p", "x"), ExitCode.CONFIG, "KEY=VALUE"),
        (("--pred", "P", "-p", "x=1"), ExitCode.CONFIG, "lexical"),
        (("--pred", "P", "--draws", "2"), ExitCode.CONFIG, "odd"),
        (("--pred", "P", "--rubric", "nope"), ExitCode.PLUGIN, "available"),
        (("--pred", "none"), ExitCode.DATA, "No such file"),
    ],
)
def test_user_errors_are_one_line(folder, capsys, arguments, code, message):
    arguments = [str(folder / "P.jsonl") if a == "P" else a for a in arguments]
    assert judge("grade", folder, *arguments, "--out", str(folder / "V.jsonl")) == code
    assert message in capsys.readouterr().err
