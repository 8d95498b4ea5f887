"""CIDEr in its CIDEr-D form (benchmarks spec 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.evaluation.metrics.ngrams import lookup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from posealign_core.evaluation.metrics.ngrams import NgramCounts, NgramTable

__all__ = ["cider_scores"]

_SIGMA = 6.0


def cider_scores(table: NgramTable) -> NDArray[np.float64]:
    """CIDEr of each hypothesis, in [0, 10]; the corpus value is their mean.

    How much an n-gram counts depends on how few of the table's items have it in a reference: other
    items in the table give other scores, and a single item scores 0.

    Returns:
        (H,) scores.
    """
    weights = [counts.count * _rarity(counts, table)[counts.ngram] for counts in table.orders]
    rounds = [_round_scores(table, weights, start) for start in table.rounds]
    return np.concatenate([np.zeros(0), *rounds])


def _round_scores(
    table: NgramTable, weights: Sequence[NDArray[Any]], start: int
) -> NDArray[np.float64]:
    """(n,) scores of one round of hypotheses."""
    item = table.item_of_text[table.n_hypotheses :]
    pairs = zip(table.orders, weights, strict=True)
    per_order = [_similarities(counts, weight, table, start) for counts, weight in pairs]
    bigrams = np.maximum(0, table.lengths - 1)
    difference = bigrams[start + item] - bigrams[table.n_hypotheses :]
    similarity = np.mean(per_order, axis=0) * np.exp(-(difference**2) / (2 * _SIGMA**2))
    total = np.bincount(item, weights=similarity, minlength=table.n_items)
    scores: NDArray[np.float64] = 10.0 * total / np.bincount(item, minlength=table.n_items)
    return scores


def _similarities(
    counts: NgramCounts, weight: NDArray[Any], table: NgramTable, start: int
) -> NDArray[Any]:
    """(R,) cosine of each reference and its hypothesis, whose counts are clipped to it."""
    n, n_texts = table.n_hypotheses, len(table.lengths)
    norm = np.sqrt(np.bincount(counts.text, weights=weight**2, minlength=n_texts))
    key = counts.text * counts.n_ngrams + counts.ngram
    is_reference = counts.text >= n
    text, own = counts.text[is_reference], weight[is_reference]
    wanted = (start + table.item_of_text[text]) * counts.n_ngrams + counts.ngram[is_reference]
    theirs = lookup(key[~is_reference], weight[~is_reference], wanted)
    common = np.bincount(text, weights=np.minimum(theirs, own) * own, minlength=n_texts)[n:]
    scale = norm[start + table.item_of_text[n:]] * norm[n:]
    cosine: NDArray[np.float64] = common / np.where(scale > 0, scale, 1.0)
    return cosine


def _rarity(counts: NgramCounts, table: NgramTable) -> NDArray[Any]:
    """(K,) logarithm of how few items have an n-gram in a reference."""
    is_reference = counts.text >= table.n_hypotheses
    item = table.item_of_text[counts.text[is_reference]]
    pairs = np.sort(item * counts.n_ngrams + counts.ngram[is_reference])
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    frequency = np.bincount(pairs % max(counts.n_ngrams, 1), minlength=counts.n_ngrams)
    rarity: NDArray[np.float64] = np.log(max(table.n_items, 1)) - np.log(np.maximum(1, frequency))
    return rarity
