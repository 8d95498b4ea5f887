"""Texts as tokens between single blanks, as caption metrics count them (benchmarks spec 3.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from posealign_core.evaluation.metrics.java import one_line, run_jar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["tokenize_approximately", "tokenize_ptb"]

_JAR = "tokenizer/stanford-corenlp-3.4.1.jar"
_ARGUMENTS = (
    *("-cp", "{jar}", "edu.stanford.nlp.process.PTBTokenizer"),
    *("-preserveLines", "-lowerCase", "-encoding", "UTF-8"),
)
_DROPPED = frozenset(
    (
        *("''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-"),
        *(".", "?", "!", ",", ":", "-", "--", "...", ";"),
    )
)
_BRACKETS = {"(": "-lrb-", ")": "-rrb-", "{": "-lcb-", "}": "-rcb-"}
_TOKEN = re.compile(
    r"n't\b|'(?:s|re|ve|ll|d|m)\b|\d+(?:[.,]\d+)+|\w+?(?=n't\b)|\w+(?:-\w+)*|[^\w\s]"
)


def tokenize_ptb(texts: Sequence[str], timeout_s: float) -> list[str]:
    """Tokenise as the Penn Treebank does, lower-case, without punctuation.

    Raises:
        JavaError: The tokeniser cannot be run.
    """
    distinct = list(dict.fromkeys(map(one_line, texts)))
    if not distinct:
        return []
    lines = run_jar(_JAR, _ARGUMENTS, distinct, timeout_s)
    tokens = {
        text: _without_punctuation(line.rstrip().split(" "))
        for text, line in zip(distinct, lines, strict=True)
    }
    return [tokens[one_line(text)] for text in texts]


def tokenize_approximately(texts: Sequence[str]) -> list[str]:
    """Tokenise nearly so without Java; scores differ, and compare with no published ones."""
    return [
        _without_punctuation([_BRACKETS.get(t, t) for t in _TOKEN.findall(one_line(text).lower())])
        for text in texts
    ]


def _without_punctuation(tokens: Sequence[str]) -> str:
    return " ".join(token for token in tokens if token not in _DROPPED)
