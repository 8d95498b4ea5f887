"""All text metrics of a set of texts at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from posealign_core.evaluation.metrics.bleu import bleu_of_sums, bleu_statistics
from posealign_core.evaluation.metrics.cider import cider_scores
from posealign_core.evaluation.metrics.java import JavaError
from posealign_core.evaluation.metrics.meteor import meteor_of_sums, meteor_statistics
from posealign_core.evaluation.metrics.ngrams import NgramTable
from posealign_core.evaluation.metrics.rouge import rouge_l
from posealign_core.evaluation.metrics.tokenize import tokenize_approximately, tokenize_ptb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["TextScores", "TextTools", "Tokenizer", "corpus_value", "statistics_of", "text_scores"]

Tokenizer = Literal["", "ptb", "blanks", "approximate"]
"""How texts became tokens: Penn Treebank, as they came between blanks, or nearly Penn Treebank."""


@dataclass(frozen=True, kw_only=True)
class TextTools:
    """What may be run to score texts.

    Attributes:
        java: Whether Java may be used; without it tokens are approximate.
        meteor: Whether METEOR, which needs Java and seconds per hundred texts, is wanted.
        timeout_s: How long one Java program may take.
    """

    java: bool = True
    meteor: bool = False
    timeout_s: float = 900.0


@dataclass(frozen=True, kw_only=True, eq=False)
class TextScores:
    """Scores of n texts.

    Attributes:
        scores: By metric, (n,) scores of the texts one by one.
        statistics: By corpus metric, (n, S) numbers that the metric adds up over a corpus.
        tokenizer: How tokens were made.
        not_computed: By metric, why it is not there.
    """

    scores: Mapping[str, NDArray[np.float64]]
    statistics: Mapping[str, NDArray[np.float64]]
    tokenizer: Tokenizer
    not_computed: Mapping[str, str] = field(default_factory=dict)


def text_scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    tools: TextTools,
    *,
    tokenized: bool = False,
) -> TextScores:
    """Score texts by BLEU-1 to BLEU-4, ROUGE-L, CIDEr, and METEOR where it is wanted.

    Args:
        hypotheses: n texts.
        references: One or more for each.
        tools: What may be run.
        tokenized: Texts are tokens between blanks already.

    Raises:
        DataError: An item has no reference.
    """
    hypotheses, references, tokenizer, not_computed = (
        (list(hypotheses), [list(r) for r in references], "blanks", {})
        if tokenized
        else _tokenize(hypotheses, references, tools)
    )
    table = NgramTable(hypotheses, references)
    bleu = bleu_statistics(table)
    statistics = {"bleu": bleu}
    scores = dict(zip(statistics_of("bleu"), bleu_of_sums(bleu).T, strict=True))
    pairs = zip(hypotheses, references, strict=True)
    scores["rouge_l"] = np.array([rouge_l(h, r) for h, r in pairs], dtype=np.float64)
    scores["cider"] = cider_scores(table)
    try:
        rows = _meteor(hypotheses, references, tools)
        statistics["meteor"], scores["meteor"] = rows, meteor_of_sums(rows)
    except JavaError as error:
        not_computed["meteor"] = str(error)
    return TextScores(
        scores=scores, statistics=statistics, tokenizer=tokenizer, not_computed=not_computed
    )


def statistics_of(family: str) -> tuple[str, ...]:
    """Metrics that are computed from the statistics of a family."""
    return tuple(f"bleu_{n}" for n in range(1, 5)) if family == "bleu" else (family,)


def corpus_value(metric: str, sums: NDArray[Any]) -> NDArray[np.float64]:
    """A corpus metric (`bleu_1` to `bleu_4`, `meteor`) of statistics (..., S) that were added up."""
    if metric == "meteor":
        return meteor_of_sums(sums)
    return bleu_of_sums(sums)[..., statistics_of("bleu").index(metric)]


def _tokenize(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], tools: TextTools
) -> tuple[list[str], list[list[str]], Tokenizer, dict[str, str]]:
    texts = list(chain(hypotheses, *references))
    tokenizer: Tokenizer = "ptb"
    not_computed: dict[str, str] = {}
    try:
        if not tools.java:
            raise JavaError("Java was not to be used")
        tokens = tokenize_ptb(texts, tools.timeout_s)
    except JavaError as error:
        tokens, tokenizer = tokenize_approximately(texts), "approximate"
        not_computed["ptb"] = f"tokens are approximate, compare with no published score: {error}"
    rest = iter(tokens[len(hypotheses) :])
    return (
        tokens[: len(hypotheses)],
        [[next(rest) for _ in texts] for texts in references],
        tokenizer,
        not_computed,
    )


def _meteor(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], tools: TextTools
) -> NDArray[np.float64]:
    if not (tools.java and tools.meteor):
        raise JavaError("it was not asked for" if tools.java else "Java was not to be used")
    return meteor_statistics(hypotheses, references, tools.timeout_s)
