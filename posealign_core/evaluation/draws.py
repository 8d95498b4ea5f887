"""Several draws of one experiment (seeds, pose draws) on the same questions (benchmarks spec 6).

Two uncertainties are kept apart: the interval says what other scenes would have given, with the
draws as they are; the spread says how far apart the draws are.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.errors import DataError
from posealign_core.evaluation.result import require_one_protocol
from posealign_core.evaluation.statistics import (
    estimate,
    estimate_of_sums,
    spread,
)
from posealign_core.evaluation.statistics import paired_difference as paired_scores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from posealign_core.evaluation.result import BenchmarkResult
    from posealign_core.evaluation.statistics import Estimate, PairedDifference, Spread

__all__ = ["draws_difference", "draws_estimate", "paired_difference"]


def draws_estimate(
    draws: Sequence[BenchmarkResult], metric: str, subset: str = "all"
) -> tuple[Estimate, Spread | None]:
    """Average a metric over draws, and say how far apart they are.

    Args:
        draws: Results of runs that differ only in what is random; at least one.
        metric: The metric; a question counts where it counts in every draw.
        subset: The subset.

    Returns:
        The mean with its interval over scenes; and the spread, None without questions.

    Raises:
        DataError: The draws are about different questions or were scored by different rules, or
            lack the metric or the subset.
    """
    rows = _common_rows(draws, metric, subset)
    scene_ids = [draws[0].scene_ids[i] for i in rows]
    value = _corpus_value(draws[0], metric)
    if value is None:
        scores = _scores(draws, metric, rows)
        mean, by_draw = estimate(scores.mean(axis=0), scene_ids), _means(scores)
    else:
        sums = _statistics(draws, metric, rows)
        mean = estimate_of_sums(_flat(sums), _mean_over_draws(value, len(draws)), scene_ids)
        by_draw = value(sums.sum(axis=1))
    return mean, spread(by_draw) if rows else None


def draws_difference(
    draws: Sequence[BenchmarkResult],
    baselines: Sequence[BenchmarkResult],
    metric: str,
    subset: str = "all",
) -> PairedDifference:
    """Compare the means over draws of two experiments, question by question.

    Args:
        draws: Results of one experiment.
        baselines: Results of the other, on the same questions; their number may differ.
        metric: The metric.
        subset: The subset.

    Raises:
        DataError: As for `draws_estimate`, over the draws of both.
    """
    rows = _common_rows([*draws, *baselines], metric, subset)
    scene_ids = [draws[0].scene_ids[i] for i in rows]
    a, b = (_scores(side, metric, rows).mean(axis=0) for side in (draws, baselines))
    paired = paired_scores(a, b, scene_ids)
    value = _corpus_value(draws[0], metric)
    if value is None:
        return paired
    ours, theirs = (_flat(_statistics(side, metric, rows)) for side in (draws, baselines))
    n = ours.shape[1]
    first, second = _mean_over_draws(value, len(draws)), _mean_over_draws(value, len(baselines))
    difference = estimate_of_sums(
        np.concatenate([ours, theirs], axis=1),
        lambda sums: first(sums[..., :n]) - second(sums[..., n:]),
        scene_ids,
    )
    return dataclasses.replace(paired, difference=difference)


def paired_difference(
    run: BenchmarkResult, baseline: BenchmarkResult, metric: str, subset: str = "all"
) -> PairedDifference:
    """Compare two runs on the same questions; errors as for `draws_estimate`."""
    return draws_difference([run], [baseline], metric, subset)


def _common_rows(results: Sequence[BenchmarkResult], metric: str, subset: str) -> list[int]:
    require_one_protocol(results)
    first = results[0]
    for other in results[1:]:
        if (other.keys, other.subsets.get(subset)) != (first.keys, first.subsets.get(subset)):
            raise DataError(
                f"{first.benchmark}: wanted the same questions in all runs, found {len(first.keys)}"
                f" and {len(other.keys)}, {len({*first.keys} & {*other.keys})} of them in common"
            )
    counting = [set(result.rows(metric, subset)) for result in results]
    return sorted(set.intersection(*counting))


def _scores(
    draws: Sequence[BenchmarkResult], metric: str, rows: Sequence[int]
) -> NDArray[np.float64]:
    """(D, n) scores."""
    return np.array([[r.scores[metric][i] for i in rows] for r in draws], dtype=np.float64)


def _means(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """(D,) means of (D, n) scores, n >= 0."""
    means: NDArray[np.float64] = scores.sum(axis=1) / max(1, scores.shape[1])
    return means


def _corpus_value(result: BenchmarkResult, metric: str) -> Callable[[Any], Any] | None:
    corpus = result.corpus(metric)
    return None if corpus is None else corpus[1]


def _statistics(
    draws: Sequence[BenchmarkResult], metric: str, rows: Sequence[int]
) -> NDArray[np.float64]:
    """(D, n, S) numbers that a corpus metric adds up over questions."""
    families = [corpus[0] for result in draws if (corpus := result.corpus(metric)) is not None]
    return np.array([[family[i] for i in rows] for family in families], dtype=np.float64)


def _flat(statistics: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, D * S), draw by draw."""
    return np.concatenate(list(statistics), axis=1)


def _mean_over_draws(value: Callable[[Any], Any], n_draws: int) -> Callable[[Any], Any]:
    """The mean of a metric of (..., D * S) sums over its draws."""

    def mean(sums: NDArray[np.float64]) -> Any:
        return value(sums.reshape(*sums.shape[:-1], n_draws, -1)).mean(axis=-1)

    return mean
