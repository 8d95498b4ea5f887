"""BLEU-1 to BLEU-4 (benchmarks spec 3.5): sums over a corpus first, then the geometric mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.evaluation.metrics.ngrams import MAX_ORDER, lookup

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from posealign_core.evaluation.metrics.ngrams import NgramCounts, NgramTable

__all__ = ["bleu_of_sums", "bleu_statistics"]

_TINY, _SMALL = 1e-15, 1e-9


def bleu_statistics(table: NgramTable) -> NDArray[np.float64]:
    """What BLEU adds up, for each hypothesis.

    Returns:
        (H, 10): matched n-grams of order 1 to 4, n-grams of order 1 to 4, length, and the length of
        the reference that comes closest (the shorter of two).
    """
    n = table.n_hypotheses
    lengths = table.lengths[:n]
    matched = [_matched(counts, table.item_of_text, n) for counts in table.orders]
    possible = [np.maximum(0, lengths - order) for order in range(MAX_ORDER)]
    closest = [_closest(table, start) for start in table.rounds]
    length = np.concatenate([np.zeros(0), *closest])
    return np.stack([*matched, *possible, lengths, length], axis=1).astype(np.float64)


def bleu_of_sums(sums: ArrayLike) -> NDArray[np.float64]:
    """BLEU-1 to BLEU-4 of one item or of many.

    Args:
        sums: (..., 10) statistics, added up over the items.

    Returns:
        (..., 4).
    """
    s = np.asarray(sums, dtype=np.float64)
    precision = (s[..., :4] + _TINY) / (s[..., 4:8] + _SMALL)
    mean = np.cumprod(precision, axis=-1) ** (1 / np.arange(1, MAX_ORDER + 1))
    ratio = (s[..., 8:9] + _TINY) / (s[..., 9:10] + _SMALL)
    brevity: NDArray[np.float64] = np.exp(np.minimum(0.0, 1 - 1 / ratio))
    return mean * brevity


def _matched(counts: NgramCounts, item_of_text: NDArray[Any], n: int) -> NDArray[Any]:
    """(H,) n-grams that a hypothesis shares with its references, each at most as often as any."""
    of_hypothesis = counts.text < n
    key = item_of_text[counts.text] * counts.n_ngrams + counts.ngram
    wanted, given = key[~of_hypothesis], counts.count[~of_hypothesis]
    order = np.argsort(wanted, kind="stable")
    distinct, starts = np.unique(wanted[order], return_index=True)
    most = np.maximum.reduceat(given[order], starts) if len(starts) else given
    allowed = lookup(distinct, most, key[of_hypothesis])
    clipped = np.minimum(counts.count[of_hypothesis], allowed)
    return np.bincount(counts.text[of_hypothesis], weights=clipped, minlength=n)


def _closest(table: NgramTable, start: int) -> NDArray[np.int64]:
    """(n,) length of the reference whose length comes closest, for one round of hypotheses."""
    n = table.n_hypotheses
    item, length = table.item_of_text[n:], table.lengths[n:]
    order = np.lexsort((length, np.abs(length - table.lengths[start + item]), item))
    first = np.unique(item[order], return_index=True)[1]
    return length[order][first]
