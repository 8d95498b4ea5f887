from __future__ import annotations

import random
from math import exp, log
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import DataError
from posealign_core.evaluation.metrics import TextTools, text_scores
from posealign_core.evaluation.metrics.bleu import bleu_of_sums, bleu_statistics
from posealign_core.evaluation.metrics.cider import cider_scores
from posealign_core.evaluation.metrics.ngrams import NgramTable
from posealign_core.evaluation.metrics.rouge import rouge_l

if TYPE_CHECKING:
    import numpy as np

NOTHING = "sos eos"
BROWN = ["sos a brown chair eos", "sos a chair eos"]
TABLE = ["sos a table near the door eos"]
WORDS = ["sos", "eos", "a", "the", "chair", "table", "left", "right", "of", ".", "it's", "x"]


def corpus(seed: int, n: int = 40) -> tuple[list[str], list[list[str]]]:
    """Random texts, some of them empty."""
    rng = random.Random(seed)

    def text() -> str:
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 9)))

    return [text() for _ in range(n)], [
        [text() for _ in range(rng.randint(1, 5))] for _ in range(n)
    ]


def scores(hypotheses: list[str], references: list[list[str]]) -> dict[str, np.ndarray]:
    return dict(text_scores(hypotheses, references, TextTools(java=False), tokenized=True).scores)


@pytest.mark.parametrize("seed", range(5))
def test_equal_to_pycocoevalcap(seed: int) -> None:
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu").Bleu(4)
    cider = pytest.importorskip("pycocoevalcap.cider.cider").Cider()
    rouge = pytest.importorskip("pycocoevalcap.rouge.rouge").Rouge()
    hypotheses, references = corpus(seed, n=1 if seed == 0 else 40)
    gts, res = dict(enumerate(references)), {i: [text] for i, text in enumerate(hypotheses)}
    ours = scores(hypotheses, references)
    whole, by_item = bleu.compute_score(gts, res, verbose=0)
    sums = bleu_statistics(NgramTable(hypotheses, references)).sum(axis=0)
    assert bleu_of_sums(sums) == pytest.approx(whole, abs=1e-9)
    for n in range(4):
        assert ours[f"bleu_{n + 1}"] == pytest.approx(by_item[n], abs=1e-9)
    for metric, theirs in (("cider", cider), ("rouge_l", rouge)):
        mean, by_item = theirs.compute_score(gts, res)
        assert ours[metric] == pytest.approx(by_item, abs=1e-9)
        assert ours[metric].mean() == pytest.approx(mean, abs=1e-9)


def test_what_saying_nothing_earns() -> None:
    """Values of the benchmarks specification, 9.4."""
    found = scores([NOTHING, NOTHING], [BROWN, TABLE])
    assert found["cider"].tolist() == [0, 0]
    assert found["rouge_l"] == pytest.approx([0.62887, 0.40397], abs=5e-6)
    sums = bleu_statistics(NgramTable([NOTHING, NOTHING], [BROWN, TABLE])).sum(axis=0)
    assert bleu_of_sums(sums)[0] == pytest.approx(0.17377, abs=5e-6)


def test_bleu_by_hand() -> None:
    """'the the chair' against 'the chair' and 'a chair': 2 of 3 words, 1 of 2 pairs."""
    rows = bleu_statistics(NgramTable(["the the chair"], [["the chair", "a chair"]]))
    assert rows.tolist() == [[2, 1, 0, 0, 3, 2, 1, 0, 3, 2]]
    one, two, *rest = bleu_of_sums(rows[0])
    assert (one, two) == pytest.approx((2 / 3, (2 / 3 * 1 / 2) ** 0.5))
    assert rest == pytest.approx([0, 0], abs=1e-4)


def test_bleu_punishes_shortness_by_the_closest_reference() -> None:
    rows = bleu_statistics(NgramTable(["a b"], [["a b c", "a b c d e", "a"]]))
    assert rows[0, 8:].tolist() == [2, 1]  # one word away either side: the shorter counts
    rows = bleu_statistics(NgramTable(["a b"], [["a b c d", "a b c d e"]]))
    assert bleu_of_sums(rows[0])[0] == pytest.approx(exp(1 - 4 / 2))


def test_cider_by_hand() -> None:
    """Two items; only words that one of them has count, so a hit is worth the length penalty."""
    found = cider_scores(NgramTable(["left", "left"], [["left"], ["right"]]))
    # Unigrams agree wholly in the first item, not at all in the second; there is nothing longer.
    assert found == pytest.approx([10 / 4, 0])
    found = cider_scores(NgramTable(["left left", "x"], [["left"], ["right"]]))
    # Twice the word has twice the norm; its count is clipped; one bigram more than the reference.
    assert found[0] == pytest.approx(10 / 4 * (1 * 1) / (2 * 1) * exp(-1 / 72))


def test_cider_weighs_rare_words_more() -> None:
    references = [["a b"], ["a c"], ["a d"]]
    found = cider_scores(NgramTable(["a x", "b c", "d"], references))
    # "a" is in all references and weighs nothing; unknown words fill the norm.
    assert found[0] == 0
    # Item 2: "c" of {b, c}, each in one of three; both weigh ln 3.
    assert found[1] == pytest.approx(10 / 4 * log(3) ** 2 / (2**0.5 * log(3) * log(3)))


def test_one_item_has_no_rare_words() -> None:
    assert cider_scores(NgramTable(["left"], [["left"]])).tolist() == [0]


def test_rouge_by_hand() -> None:
    # LCS of "a c b" and "a b c d" is 2: P = 2/3, R = 1/2.
    wanted = (1 + 1.44) * (2 / 3) * (1 / 2) / (1 / 2 + 1.44 * 2 / 3)
    assert rouge_l("a c b", ["a b c d"]) == pytest.approx(wanted)
    # Precision and recall may come from different references.
    assert rouge_l("a b", ["a b c d", "a"]) == pytest.approx(1.0)
    assert rouge_l("x", ["a"]) == 0
    assert rouge_l("", ["a"]) == 0
    assert rouge_l("", [""]) == 1


def slow_lcs(a: list[str], b: list[str]) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        last = row
        row = [0]
        for j, y in enumerate(b):
            row.append(last[j] + 1 if x == y else max(last[j + 1], row[j]))
    return row[-1]


_texts = st.lists(st.sampled_from("abcd"), min_size=1, max_size=80)


@given(_texts, _texts)
def test_rouge_equals_the_table_of_the_textbook(a: list[str], b: list[str]) -> None:
    common = slow_lcs(a, b)
    p, r = common / len(a), common / len(b)
    wanted = (1 + 1.44) * p * r / (r + 1.44 * p) if common else 0.0
    assert rouge_l(" ".join(a), [" ".join(b)]) == pytest.approx(wanted)


def test_a_second_round_of_texts_is_scored_as_if_alone() -> None:
    first, references = corpus(7)
    second = corpus(8)[0]
    both = scores(first + second, references)
    for metric, values in scores(second, references).items():
        assert both[metric][len(first) :] == pytest.approx(values, abs=1e-12)


@pytest.mark.parametrize(
    ("hypotheses", "references"), [(["a"], [[]]), (["a", "b"], [["a"], []]), (["a"], [])]
)
def test_references_are_needed(hypotheses: list[str], references: list[list[str]]) -> None:
    with pytest.raises(DataError, match="wanted references"):
        NgramTable(hypotheses, references)


def test_no_item_has_no_score() -> None:
    assert all(len(values) == 0 for values in scores([], []).values())


def test_a_very_long_answer_is_scored() -> None:
    answer = "left " * 20_000
    found = scores([answer, "left"], [["left of it"], ["right"]])
    assert 0 < found["rouge_l"][0] < 0.001
    assert found["bleu_1"][0] == pytest.approx(1 / 20_000)
