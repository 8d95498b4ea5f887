"""CIDEr in its CIDEr-D form (benchmarks spec 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.evaluation.metrics.ngrams import lookup

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.evaluation.metrics.ngrams import NgramCounts, NgramTable

__all__ = ["cider_scores"]

_SIGMA = 6.0


def cider_scores(table: NgramTable) -> NDArray[np.float64]:
    """CIDEr of each item, in [0, 10]; the corpus value is their mean.

    How much an n-gram counts depends on how few of the table's items have it in a reference: other
    items in the table give other scores, and a single item scores 0.

    Returns:
        (n,) scores.
    """
    n = table.n_items
    item = table.item_of_text[n:]
    per_order = [_similarities(counts, table, n) for counts in table.orders]
    bigrams = np.maximum(0, table.lengths - 1)
    penalty = np.exp(-((bigrams[item] - bigrams[n:]) ** 2) / (2 * _SIGMA**2))
    similarity = np.mean(per_order, axis=0) * penalty if len(item) else np.zeros(0)
    n_references = np.bincount(item, minlength=n)
    scores: NDArray[np.float64] = np.bincount(item, weights=similarity, minlength=n)
    return 10.0 * scores / np.maximum(1, n_references)


def _similarities(counts: NgramCounts, table: NgramTable, n: int) -> NDArray[Any]:
    """(R,) cosine of each reference and its hypothesis, whose counts are clipped to it."""
    weight = counts.count * _rarity(counts, table, n)[counts.ngram]
    n_texts = len(table.lengths)
    norm = np.sqrt(np.bincount(counts.text, weights=weight**2, minlength=n_texts))
    key = counts.text * counts.n_ngrams + counts.ngram
    is_reference = counts.text >= n
    text, own = counts.text[is_reference], weight[is_reference]
    partner = table.item_of_text[text]
    theirs = lookup(
        key[~is_reference],
        weight[~is_reference],
        partner * counts.n_ngrams + counts.ngram[is_reference],
    )
    common = np.bincount(text, weights=np.minimum(theirs, own) * own, minlength=n_texts)[n:]
    scale = norm[table.item_of_text[n:]] * norm[n:]
    return np.divide(common, scale, out=np.zeros_like(common), where=scale > 0)


def _rarity(counts: NgramCounts, table: NgramTable, n: int) -> NDArray[Any]:
    """(K,) logarithm of how few items have an n-gram in a reference."""
    is_reference = counts.text >= n
    item = table.item_of_text[counts.text[is_reference]]
    pairs = np.unique(item * counts.n_ngrams + counts.ngram[is_reference])
    frequency = np.bincount(pairs % max(counts.n_ngrams, 1), minlength=counts.n_ngrams)
    rarity: NDArray[np.float64] = np.log(max(n, 1)) - np.log(np.maximum(1, frequency))
    return rarity

