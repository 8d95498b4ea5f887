from __future__ import annotations

import dataclasses

import pytest

from posealign_core.judge.lexical import LexicalJudge
from posealign_core.judge.rubric import load_rubric
from posealign_core.judge.runner import judge_requests
from posealign_core.judge.settings import JudgeSettings
from posealign_core.judge.verdict import Status
from posealign_core.judge.word_rules import answers_match, caption_agrees, has_direction_word

from .conftest import make_request


@pytest.mark.parametrize(
    ("answer", "reference", "match"),
    [
        ("The LAMP.", "lamp", True),
        ("two chairs", "2 chair", True),
        ("on the left-hand side", "left", True),
        ("to my left", "leftmost", True),
        ("behind you", "back", True),
        ("table", "brown table", True),
        ("it is a brown table near the wall", "brown table", True),
        ("right", "left", False),
        ("left or right", "left", False),
        ("yes", "no", False),
        ("3", "4", False),
        ("red table", "brown table", False),
        ("brown", "brown table", False),
        ("in front of the bed", "behind the bed", False),
        ("", "lamp", False),
        ("?!", "lamp", False),
        ("bright", "right", False),
    ],
)
def test_answers(answer, reference, match):
    assert answers_match(answer, reference) is match


def test_captions():
    references = ("a tall green locker left of the door", "the metal locker has vents")
    assert caption_agrees("a green metal locker", references)
    assert not caption_agrees("a red metal locker", references)
    assert not caption_agrees("the locker right of the door", references)
    assert not caption_agrees("a soft couch with cushions", references)
    assert not caption_agrees("", references)
    assert not caption_agrees("a locker", ())


def test_direction_words_are_whole_words():
    assert has_direction_word("Is it on my Right?")
    assert not has_direction_word("a bright, upright frontier")


def test_runs_like_any_judge_and_says_what_it_is(tmp_path, rubric):
    requests = [make_request(n, prediction=p) for n, p in enumerate(["A lamp!", "a bed"])]
    out = tmp_path / "v.jsonl"
    outcome = judge_requests(requests, LexicalJudge(), rubric, JudgeSettings(), out)
    assert [v.status for v in outcome.verdicts] == [Status.CORRECT, Status.INCORRECT]
    assert not outcome.verdicts[0].judge.uses_llm
    assert "no LLM" in out.read_text()


def test_labels_questions(tmp_path):
    plain = dataclasses.replace(make_request(1), question="What is red?")
    outcome = judge_requests(
        [make_request(0), plain],
        LexicalJudge(),
        load_rubric("direction"),
        JudgeSettings(),
        tmp_path / "l.jsonl",
    )
    assert [v.status for v in outcome.verdicts] == [Status.CORRECT, Status.INCORRECT]
