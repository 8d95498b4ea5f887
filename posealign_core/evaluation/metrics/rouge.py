"""ROUGE-L (benchmarks spec 3.5)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["rouge_l"]

_BETA_SQUARED = 1.2**2


def rouge_l(hypothesis: str, references: Sequence[str]) -> float:
    """Weighted harmonic mean of precision and recall of the longest common subsequence.

    Args:
        hypothesis: A text with single blanks between its tokens.
        references: One or more likewise; precision and recall may come from different ones.
    """
    tokens = hypothesis.split(" ")
    places: dict[str, int] = defaultdict(int)
    for place, token in enumerate(tokens):
        places[token] |= 1 << place
    precision = recall = 0.0
    for reference in references:
        other = reference.split(" ")
        common = _common_length(places, len(tokens), other)
        precision = max(precision, common / len(tokens))
        recall = max(recall, common / len(other))
    if precision == 0.0 or recall == 0.0:
        return 0.0
    return (1 + _BETA_SQUARED) * precision * recall / (recall + _BETA_SQUARED * precision)


def _common_length(places: Mapping[str, int], n_tokens: int, other: Sequence[str]) -> int:
    """Length of the longest common subsequence: a row of the table per bit (Hyyrö 2004)."""
    all_set = (1 << n_tokens) - 1
    row = all_set
    for token in other:
        matches = row & places.get(token, 0)
        row = ((row + matches) | (row - matches)) & all_set
    return n_tokens - row.bit_count()
