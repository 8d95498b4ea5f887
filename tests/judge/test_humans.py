from __future__ import annotations

import pytest

from posealign_core.errors import DataError
from posealign_core.judge.engine import Reply
from posealign_core.judge.humans import human_report, read_human_labels
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.settings import JudgeSettings

from .scripted import ScriptedJudge


@pytest.fixture
def verdicts(tmp_path, requests, rubric):
    """Correct for the first ten of twenty."""

    def script(ask, _):
        first, second = ask.prompt.order.letters
        return Reply(text=first if int(ask.request.key[1:]) < 10 else second)

    judge = ScriptedJudge(script)
    return judge_requests(requests, judge, rubric, JudgeSettings(), tmp_path / "v.jsonl").verdicts


def test_a_judge_that_accepts_too_much(verdicts):
    # People accept the first eight only: 8 both, 2 only the judge, 10 neither.
    report = human_report(verdicts, {f"q{n}": [n < 8] for n in range(20)})
    assert (report["n"], report["sensitivity"]) == (20, 1.0)
    assert report["specificity"] == pytest.approx(10 / 12)
    assert report["accuracy"] == 0.5
    assert report["corrected_accuracy"] == pytest.approx(8 / 20)
    assert report["kappa"] == pytest.approx((0.9 - 0.5) / 0.5)
    assert report["may_be_quoted"]


def test_a_judge_that_is_no_better_than_chance(verdicts):
    report = human_report(verdicts, {f"q{n}": [n % 2 == 0] for n in range(20)})
    assert report["corrected_accuracy"] is None
    assert not report["may_be_quoted"]
    with pytest.raises(DataError, match="same answers"):
        human_report(verdicts, {"other": [True]})


def test_people_on_disk(tmp_path):
    path = tmp_path / "h.csv"
    path.write_text("key,who,correct\nq1,ann,1\nq1,bob,False\nq2,ann,0\n")
    assert read_human_labels(path) == {"q1": [True, False], "q2": [False]}
    path.write_text("key,correct\nq1,maybe\n")
    with pytest.raises(DataError, match="line 2"):
        read_human_labels(path)
    path.write_bytes(b"key,correct\n\xff,1\n")
    with pytest.raises(DataError, match="cannot read"):
        read_human_labels(path)
