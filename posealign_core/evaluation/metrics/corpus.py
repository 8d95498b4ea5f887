"""Metrics that are computed from sums over all questions, not as means of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posealign_core.evaluation.metrics.bleu import bleu_of_sums
from posealign_core.evaluation.metrics.meteor import meteor_of_sums

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BLEU", "corpus_value", "family_of"]

BLEU = ("bleu_1", "bleu_2", "bleu_3", "bleu_4")
"""Names of the BLEU metrics, by order."""


def family_of(metric: str) -> str:
    """Name of the statistics that a metric would be computed from.

    `bleu_<n>` from `bleu`, `<m>_precision`, `<m>_recall` and `<m>_f1` from `<m>_found`, any other
    from those of its own name.
    """
    if metric in BLEU:
        return "bleu"
    start, _, kind = metric.rpartition("_")
    return f"{start}_found" if kind in ("precision", "recall", "f1") else metric


def corpus_value(metric: str, sums: NDArray[Any]) -> NDArray[Any]:
    """A corpus metric of statistics (..., S) that were added up over questions.

    `<m>_found` adds up the scores of found captions, the number of predictions, and of objects.
    """
    if metric in BLEU:
        return bleu_of_sums(sums)[..., BLEU.index(metric)]
    if metric == "meteor":
        return meteor_of_sums(sums)
    score, n_predicted, n_objects = sums[..., 0], sums[..., 1], sums[..., 2]
    kind = metric.rpartition("_")[2]
    if kind == "f1":
        score, n = 2 * score, n_predicted + n_objects
    else:
        n = n_predicted if kind == "precision" else n_objects
    share: NDArray[Any] = score / n.clip(min=1)
    return share
