from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from posealign_core.errors import DataError
from posealign_core.judge.judgement import (
    Judgement,
    load_judgement,
    require_one_judge,
    save_judgement,
)
from posealign_core.judge.sampling import LabelOrder, Sampling
from posealign_core.judge.settings import Price
from posealign_core.judge.verdict import JudgeIdentity, Status, Verdict

if TYPE_CHECKING:
    from pathlib import Path

C, W, X, M = Status.CORRECT, Status.INCORRECT, Status.INVALID, Status.MISSING


def verdicts(*draws: tuple[Status, ...], uses_llm: bool = True) -> list[Verdict]:
    who = JudgeIdentity(engine="e", model="m", resolved="m@1", uses_llm=uses_llm)
    return [
        Verdict(
            benchmark="scanqa",
            split="val",
            key=f"q{i}",
            scene_id=f"s{i // 2}",
            prediction_sha="",
            rubric="scanqa.v1",
            rubric_sha="r" * 16,
            request_sha="",
            draw=draw,
            status=status,
            judge=who,
            sampling=Sampling(),
            label_order=LabelOrder.AB,
            tokens_in=100,
            tokens_out=2,
        )
        for i, statuses in enumerate(draws)
        for draw, status in enumerate(statuses)
    ]


LABELS = {"q0": True, "q1": True, "q2": False, "q3": None}


def test_majorities_become_two_metrics() -> None:
    found = Judgement.of(
        verdicts((C, C, W), (W, C, W), (X, X, X), (M,)),
        LABELS,
        price=Price(tokens_in=1.0, tokens_out=10.0),
    )
    assert dict(found.statuses) == {"q0": C, "q1": W, "q2": X, "q3": M}
    assert found.scores(["q3", "q2", "q1", "q0"]) == {
        "judge": (0.0, 0.0, 0.0, 1.0),
        "judge_parsed": (None, None, 0.0, 1.0),
    }
    assert found.parts["all"]["strict"] == 0.25
    assert found.parts["all"]["valid"] == 0.5
    assert found.parts["direction_critical"]["n"] == 2
    assert (found.n_draws, found.tokens_in, found.tokens_out) == (3, 1000, 20)
    assert found.cost == pytest.approx((1000 + 200) / 1e6)


def test_rules_on_words_are_never_called_a_judge() -> None:
    found = Judgement.of(verdicts((C,), uses_llm=False), {"q0": None})
    assert set(found.scores(["q0"])) == {"word_rules", "word_rules_parsed"}


def test_question_without_a_verdict_is_an_error() -> None:
    with pytest.raises(DataError, match="found none on 'q7'"):
        Judgement.of(verdicts((C,)), {"q0": None}).scores(["q7"])


def test_file_holds_everything_and_damage_is_named(tmp_path: Path) -> None:
    made = Judgement.of(verdicts((C, C, W), (X, W, W)), {"q0": True, "q1": False})
    path = tmp_path / "judge" / "scanqa.json"
    save_judgement(path, made)
    assert load_judgement(path) == made
    path.write_text(path.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    with pytest.raises(DataError, match="is no judgement"):
        load_judgement(path)


def test_different_judges_do_not_stand_side_by_side() -> None:
    one = Judgement.of(verdicts((C,)), {"q0": None})
    rules = Judgement.of(verdicts((C,), uses_llm=False), {"q0": None})
    require_one_judge([one, one, rules])
    for other in ({"judge": "m@2"}, {"rubric_sha": "s" * 16}, {"n_draws": 3}):
        with pytest.raises(DataError, match="wanted verdicts of one judge"):
            require_one_judge([one, dataclasses.replace(one, **other)])
