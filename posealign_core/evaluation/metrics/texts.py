"""All text metrics of a set of texts at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, cycle, islice
from typing import TYPE_CHECKING, Literal

import numpy as np

from posealign_core.evaluation.metrics.bleu import bleu_of_sums, bleu_statistics
from posealign_core.evaluation.metrics.cider import cider_scores
from posealign_core.evaluation.metrics.corpus import BLEU
from posealign_core.evaluation.metrics.java import JavaError
from posealign_core.evaluation.metrics.meteor import meteor_of_sums, meteor_statistics
from posealign_core.evaluation.metrics.ngrams import NgramTable
from posealign_core.evaluation.metrics.rouge import rouge_l
from posealign_core.evaluation.metrics.tokenize import tokenize_approximately, tokenize_ptb

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["TextScores", "TextTools", "Tokenizer", "text_scores"]

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
        remarks: What a reader must know, by subject: a metric that was not computed, and why.
    """

    scores: Mapping[str, NDArray[np.float64]]
    statistics: Mapping[str, NDArray[np.float64]]
    tokenizer: Tokenizer
    remarks: Mapping[str, str] = field(default_factory=dict)


def text_scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    tools: TextTools,
    *,
    tokenized: bool = False,
) -> TextScores:
    """Score texts by BLEU-1 to BLEU-4, ROUGE-L, CIDEr, and METEOR where it is wanted.

    Args:
        hypotheses: A text for each of n items, or several rounds of that, one after the other.
        references: One or more for each item.
        tools: What may be run.
        tokenized: Texts are tokens between blanks already.

    Raises:
        DataError: An item has no reference.
    """
    hypotheses, references, tokenizer, remarks = (
        (list(hypotheses), [list(r) for r in references], "blanks", {})
        if tokenized
        else _tokenize(hypotheses, references, tools)
    )
    table = NgramTable(hypotheses, references)
    bleu = bleu_statistics(table)
    statistics = {"bleu": bleu}
    scores = dict(zip(BLEU, bleu_of_sums(bleu).T, strict=True))
    pairs = zip(hypotheses, cycle(references), strict=False)
    scores["rouge_l"] = np.array([rouge_l(h, r) for h, r in pairs], dtype=np.float64)
    scores["cider"] = cider_scores(table)
    try:
        rows = _meteor(hypotheses, references, tools)
        statistics["meteor"], scores["meteor"] = rows, meteor_of_sums(rows)
    except JavaError as error:
        remarks["meteor"] = f"not computed: {error}"
    return TextScores(scores=scores, statistics=statistics, tokenizer=tokenizer, remarks=remarks)


def _tokenize(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], tools: TextTools
) -> tuple[list[str], list[list[str]], Tokenizer, dict[str, str]]:
    texts = list(chain(hypotheses, *references))
    tokenizer: Tokenizer = "ptb"
    remarks: dict[str, str] = {}
    try:
        if not tools.java:
            raise JavaError("Java was not to be used")
        tokens = tokenize_ptb(texts, tools.timeout_s)
    except JavaError as error:
        tokens, tokenizer = tokenize_approximately(texts), "approximate"
        remarks["tokens"] = f"approximate, compare with no published score: {error}"
    rest = iter(tokens[len(hypotheses) :])
    return (
        tokens[: len(hypotheses)],
        [[next(rest) for _ in texts] for texts in references],
        tokenizer,
        remarks,
    )


def _meteor(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], tools: TextTools
) -> NDArray[np.float64]:
    if not (tools.java and tools.meteor):
        raise JavaError("it was not asked for" if tools.java else "Java was not to be used")
    repeated = list(islice(cycle(references), len(hypotheses)))
    return meteor_statistics(hypotheses, repeated, tools.timeout_s)
