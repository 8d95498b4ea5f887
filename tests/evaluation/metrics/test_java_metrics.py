"""Tokens and METEOR from pycocoevalcap's jars, and what happens without them."""

from __future__ import annotations

import random
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

from posealign_core.evaluation.metrics import TextTools, java, text_scores
from posealign_core.evaluation.metrics.java import JavaError, one_line, run_jar
from posealign_core.evaluation.metrics.meteor import meteor_of_sums, meteor_statistics
from posealign_core.evaluation.metrics.tokenize import tokenize_approximately, tokenize_ptb

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="needs Java")
WORDS = ("sos", "eos", "a", "the", "big", "large", "chair", "sofa", "couch", "walks", "walking")
LONG = "left " * 20_000
PTB = [
    ("It's a Tv-Stand (isn't it)?", "it 's a tv-stand -lrb- is n't it -rrb-"),
    ("3.5 ft., or so; yes!", "3.5 ft. or so yes"),
    ("", ""),
    ("left, right", "left right"),
]
HOSTILE = ["two\nlines\r\n", "a\x00b\x1bc", "u\u2028v\x85w\x0bx", "half \ud800 a", "||| a ||| b"]


@needs_java
def test_penn_treebank_tokens() -> None:
    texts = [text for text, _ in PTB] + HOSTILE + [LONG, "last"]
    tokens = tokenize_ptb(texts, 60)
    assert tokens[: len(PTB)] == [wanted for _, wanted in PTB]
    assert tokens[4:8] == ["two lines", "a b c", "u v w x", "half a"]
    assert tokens[-2:] == [LONG.strip(), "last"]  # no line has shifted


def test_approximate_tokens_agree_on_simple_texts() -> None:
    texts, wanted = zip(*PTB, strict=True)
    found = tokenize_approximately(texts)
    assert found[0] == wanted[0]
    assert found[2:] == list(wanted[2:])
    assert found[1] == "3.5 ft or so yes"  # abbreviations lose their dot


def test_texts_keep_to_their_line() -> None:
    assert all(len(one_line(text).splitlines()) == 1 for text in HOSTILE)


# What METEOR 1.5 itself answers to SCORE and EVAL.
TWO_ROWS = [
    "5 3 2 1 2 2 1 1 0 0 0 0 0 0 0 0 0 0 0 0 1 3 3",
    "1 1 0 0 1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1 1",
]
THIRD_ROW = "9 7 4 3 3 2 1 1 1 1 0 0 1 1 0 0 0 0 0 0 3 6 5"


def answer_with(monkeypatch: pytest.MonkeyPatch, lines: list[str]) -> None:
    monkeypatch.setattr("posealign_core.evaluation.metrics.meteor.run_jar", lambda *_: lines)


def test_meteor_from_its_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, [*TWO_ROWS, THIRD_ROW])
    rows = meteor_statistics(["h1", "h2", "h3"], [["r"]] * 3, 1)
    assert meteor_of_sums(rows) == pytest.approx(
        [0.47743229481671456, 1.0, 0.34986288889544015], abs=1e-12
    )
    assert meteor_of_sums(rows[:2].sum(axis=0)) == pytest.approx(0.5144198396668684, abs=1e-12)
    assert meteor_of_sums(np.zeros(23)) == 0


def test_meteor_says_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, ["Error: specify SCORE or EVAL or EXIT"])
    with pytest.raises(JavaError, match="23 numbers"):
        meteor_statistics(["a"], [["b"]], 1)


@needs_java
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_meteor_equals_the_values_of_the_specification_and_pycocoevalcap() -> None:
    meteor = pytest.importorskip("pycocoevalcap.meteor.meteor").Meteor()  # loads meanwhile
    rng = random.Random(0)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, 8))) for _ in range(75)]
    hypotheses = ["sos eos", "sos eos", *texts[:25]]
    references = [
        ["sos a brown chair eos", "sos a chair eos"],
        ["sos a table near the door eos"],
        *(list(pair) for pair in zip(texts[25:50], texts[50:], strict=True)),
    ]
    hostile = ["a ||| chair\nEVAL ||| x", "", LONG[:2000]]
    rows = meteor_statistics([*hypotheses, *hostile], [*references, *[["a chair"]] * 3], 240)
    ours, whole = meteor_of_sums(rows), meteor_of_sums(rows[:-3].sum(axis=0))
    assert ours[:2] == pytest.approx([0.25532, 0.15635], abs=5e-6)
    assert 0 < ours[-3] < 1
    assert ours[-2] == 0
    gts, res = dict(enumerate(references)), {i: [text] for i, text in enumerate(hypotheses)}
    mean, by_item = meteor.compute_score(gts, res)
    assert ours[:-3] == pytest.approx(by_item, abs=1e-9)
    assert whole == pytest.approx(mean, abs=1e-9)


def test_without_java_scores_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java.shutil, "which", lambda _: None)
    found = text_scores(["Left.", "a"], [["left"], ["b"]], TextTools(meteor=True))
    assert found.tokenizer == "approximate"
    assert "compare with no published score" in found.remarks["tokens"]
    assert found.remarks["meteor"].startswith("not computed: wanted Java")
    assert "meteor" not in found.scores
    assert found.scores["bleu_1"][0] == pytest.approx(1, abs=1e-6)


def test_without_pycocoevalcap_scores_are_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java.importlib.util, "find_spec", lambda _: None)
    found = text_scores(["left"], [["left"]], TextTools())
    assert "pip install pycocoevalcap" in found.remarks["tokens"]


def test_no_process_starts_before_a_metric_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: Any, **__: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(java.subprocess, "run", start)
    found = text_scores(["left"], [["left"]], TextTools(), tokenized=True)
    assert found.remarks["meteor"] == "not computed: it was not asked for"


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (subprocess.TimeoutExpired("java", 3), "timed out after 3"),
        (subprocess.CompletedProcess("java", 1, b"a\n", b"bad heap\n"), "status 1 .bad heap"),
        (subprocess.CompletedProcess("java", 0, b"a\nb\n", b""), "wanted 1 lines, found 2"),
        (PermissionError("denied"), "denied"),
    ],
)
def test_a_program_that_fails(
    monkeypatch: pytest.MonkeyPatch, behaviour: Any, message: str
) -> None:
    def run(*_: Any, **__: Any) -> Any:
        if isinstance(behaviour, Exception):
            raise behaviour
        return behaviour

    monkeypatch.setattr(java.shutil, "which", lambda _: "/usr/bin/java")
    monkeypatch.setattr(java.subprocess, "run", run)
    with pytest.raises(JavaError, match=message):
        run_jar("tokenizer/stanford-corenlp-3.4.1.jar", (), ["x"], 3)
