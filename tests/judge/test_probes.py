from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.evaluation.mirror import mirrored
from posealign_core.judge.audit import audit_judge
from posealign_core.judge.engine import Reply
from posealign_core.judge.lexical import LexicalJudge
from posealign_core.judge.probes import (
    PROBES,
    Expected,
    apply_probe,
    other_answers,
    probe_outcome,
)
from posealign_core.judge.rubric import built_in_rubrics, load_rubric
from posealign_core.judge.settings import JudgeSettings, Limits
from posealign_core.judge.verdict import Status

from .conftest import make_request
from .scripted import ScriptedJudge

WORDS = st.sampled_from(
    ["left", "Right", "LEFT", "leftmost", "all", "right", "next", "behind", "in front of", "bright"]
)


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        ("left of the bed", "right of the bed"),
        ("To the Right.", "To the Left."),
        ("RIGHTMOST", "LEFTmost"),
        ("a bright lamp, upright", "a bright lamp, upright"),
        ("all right", "all right"),
        ("right next to it", "right next to it"),
        ("left-hand side", "right-hand side"),
    ],
)
def test_mirror_swaps_directions_only(text, swapped):
    assert mirrored(text).lower() == swapped.lower()
    assert mirrored("To the Right.") == "To the Left."


@given(st.lists(WORDS, max_size=6).map(" ".join), st.booleans())
def test_mirror_is_an_involution(text, depth):
    assert mirrored(mirrored(text, depth=depth), depth=depth) == text


def changed(name, **fields):
    return PROBES[name].change(dataclasses.replace(make_request(1), **fields))


def test_mirror_probe_needs_a_reference_with_a_side():
    found = changed("mirror", prediction="Left of it", references=("on the left", "a bed"))
    assert found.prediction == "Right of it"
    assert changed("mirror", prediction="left", references=("a bed",)) is None
    assert changed("mirror", prediction="left", references=("left", "right")) is None
    assert changed("mirror", prediction="a bed", references=("left",)) is None


def test_mirrored_scene_changes_everything_together():
    found = changed("mirror_together", prediction="left", references=("the right one",))
    assert found.question == "What stands right of shelf 1?"
    assert (found.prediction, found.references) == ("right", ("the left one",))


def test_other_probes():
    count = changed("count_off_by_one", question="How many beds?", references=("2", "3"))
    assert count.prediction == "4"
    assert changed("count_off_by_one") is None
    assert changed("reference_order").references == ("the floor lamp", "a lamp")
    assert changed("reference_order", references=("x",)) is None
    assert changed("reference").prediction == "a lamp"
    assert changed("reference", references=()) is None
    assert "{odd}" in changed("verbosity", prediction="{odd}").prediction
    assert changed("empty").prediction == ""


def test_probes_are_about_decided_or_accepted_answers():
    requests = [make_request(n, prediction="left") for n in range(3)]
    requests = [dataclasses.replace(r, references=("left",)) for r in requests]
    before = {"q0": Status.CORRECT, "q1": Status.INCORRECT, "q2": Status.INVALID}
    assert [r.key for r in apply_probe(PROBES["empty"], requests, before)] == ["q0", "q1"]
    assert [r.key for r in apply_probe(PROBES["mirror"], requests, before)] == ["q0"]


def test_outcome_by_hand():
    c, i = Status.CORRECT, Status.INCORRECT
    pairs = [(c, c), (c, i), (c, i), (i, c), (i, Status.ERROR)]
    same = probe_outcome("p", Expected.SAME, pairs)
    assert (same.n, same.shift, same.flip_rate, same.fail_rate) == (4, -0.25, 0.75, 0.75)
    assert probe_outcome("p", Expected.INCORRECT, pairs).fail_rate == 0.5
    assert probe_outcome("p", Expected.SAME, []).flip_rate is None


def test_audit_finds_a_judge_that_prefers_a_letter(tmp_path, rubric):
    requests = [make_request(n, prediction="left") for n in range(8)]
    settings = JudgeSettings(limits=Limits(in_flight=2))
    found = audit_judge(
        requests, lambda: ScriptedJudge(lambda *_: Reply(text="A")), rubric, settings, tmp_path
    )
    order = found[-1]
    assert (order.probe, order.n, order.flip_rate) == ("label_order", 8, 1.0)
    sound = audit_judge(requests, LexicalJudge, rubric, settings, tmp_path / "sound")
    failed = {outcome.probe: outcome.fail_rate for outcome in sound if outcome.fail_rate}
    assert failed == {}


def test_hedges_and_unsupported_sides():
    assert changed("hedging").prediction == "a lamp, or a giraffe, or a fire engine"
    assert changed("reference_lower_case", references=("A Lamp",)).prediction == "a lamp"
    caption = {"question": None, "references": ("a lamp",), "prediction": "A lamp."}
    assert changed("unsupported_direction", **caption).prediction == "A lamp. It is on the left."
    assert changed("unsupported_direction") is None
    sided = {**caption, "references": ("a lamp left of it",)}
    assert changed("unsupported_direction", **sided) is None


def test_answers_to_another_question_of_the_same_sort():
    first, second = make_request(0), dataclasses.replace(make_request(1), references=("a bed",))
    elsewhere = dataclasses.replace(make_request(9), references=("a sofa",))
    found = other_answers([first, second, elsewhere])
    assert [(r.key, r.prediction) for r in found] == [("q0", "a bed"), ("q1", "a lamp")]


@pytest.mark.parametrize("name", built_in_rubrics())
def test_examples_in_the_opposite_order(name):
    rubric = load_rubric(name)
    other = rubric.with_examples_reversed
    lines, reversed_lines = (
        [line for line in r.text.splitlines() if line.startswith("- ")] for r in (rubric, other)
    )
    assert len(other.text) == len(rubric.text)
    assert other.sha != rubric.sha
    assert sorted(lines) == sorted(reversed_lines)
    assert lines != reversed_lines
