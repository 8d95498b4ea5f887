"""N-grams of hypotheses and references, counted once for all metrics that need them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MAX_ORDER", "NgramCounts", "NgramTable", "lookup"]

MAX_ORDER = 4
"""Longest n-grams that caption metrics count."""


@dataclass(frozen=True, eq=False)
class NgramCounts:
    """How often each text has each n-gram of one order; one row per pair that occurs.

    Attributes:
        text: (P,) int64 which text; hypotheses first, then references.
        ngram: (P,) int64 which n-gram, below `n_ngrams`.
        count: (P,) int64 how often.
        n_ngrams: Number of distinct n-grams.
    """

    text: NDArray[np.int64]
    ngram: NDArray[np.int64]
    count: NDArray[np.int64]
    n_ngrams: int


class NgramTable:
    """Tokenised hypotheses with their references.

    Args:
        hypotheses: H texts with tokens between blanks: one for each of n items, or several rounds
            of that, one after the other.
        references: For each item, one or more texts likewise.

    Attributes:
        n_items: n.
        n_hypotheses: H.
        item_of_text: (T,) int64 the item that a text belongs to; hypotheses come first.
        lengths: (T,) int64 number of tokens.

    Raises:
        DataError: An item has no reference.
    """

    def __init__(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
        self.n_hypotheses, self.n_items = len(hypotheses), len(references)
        n_references = [len(texts) for texts in references]
        rounds, rest = divmod(self.n_hypotheses, max(self.n_items, 1))
        if 0 in n_references or rest or rounds * self.n_items != self.n_hypotheses:
            raise DataError(
                f"n-gram metrics: wanted references for each of {self.n_hypotheses} texts, found "
                f"{np.count_nonzero(n_references)} with references"
            )
        items = np.arange(self.n_items)
        asked = np.arange(self.n_hypotheses) % max(self.n_items, 1)
        self.item_of_text = np.concatenate([asked, np.repeat(items, n_references)])
        words = [text.split() for text in chain(hypotheses, *references)]
        self.lengths = np.array([len(w) for w in words], dtype=np.int64)
        ids: dict[str, int] = {}
        self._tokens = np.array(
            [ids.setdefault(word, len(ids)) for text in words for word in text], dtype=np.int64
        )

    @property
    def rounds(self) -> range:
        """Place of the first hypothesis of each round."""
        return range(0, self.n_hypotheses, max(self.n_items, 1))

    @cached_property
    def orders(self) -> tuple[NgramCounts, ...]:
        """Counts of 1-grams, 2-grams, ... up to `MAX_ORDER`."""
        text = np.repeat(np.arange(len(self.lengths)), self.lengths)
        ngram = self._tokens
        n_words = int(self._tokens.max(initial=-1)) + 1
        orders = [_count(text, ngram, n_words)]
        for order in range(2, MAX_ORDER + 1):
            whole = text[order - 1 :] == text[: len(text) - order + 1]
            longer = ngram[:-1] * n_words + self._tokens[order - 1 :]
            distinct, ngram = np.unique(longer, return_inverse=True)
            orders.append(_count(text[order - 1 :][whole], ngram[whole], len(distinct)))
        return tuple(orders)


def _count(text: NDArray[Any], ngram: NDArray[Any], n_ngrams: int) -> NgramCounts:
    pairs, counts = np.unique(text * n_ngrams + ngram, return_counts=True)
    n = max(n_ngrams, 1)
    return NgramCounts(pairs // n, pairs % n, counts.astype(np.int64), n_ngrams)


def lookup(
    keys: NDArray[np.int64], values: NDArray[Any], wanted: NDArray[np.int64]
) -> NDArray[Any]:
    """Values of wanted keys, 0 for keys that are not there.

    Args:
        keys: (P,) ascending, distinct.
        values: (P,) a value for each.
        wanted: (Q,) keys to look up.
    """
    if len(keys) == 0:
        return np.zeros(len(wanted), dtype=values.dtype)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[at] == wanted, values[at], 0)
