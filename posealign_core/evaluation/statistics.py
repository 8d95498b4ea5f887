"""How sure a score is, and whether two runs differ (benchmarks spec 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Estimate",
    "PairedDifference",
    "Spread",
    "Statistic",
    "estimate",
    "estimate_of_sums",
    "estimate_over_draws",
    "mcnemar_p_value",
    "paired_difference",
    "spread",
]

N_RESAMPLES = 10_000
LEVEL = 0.95
_CHUNK = 1000

Statistic = Callable[[Any], Any]
"""A metric of sums (..., S), one value (...) each."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over questions with its 95 % interval.

    Attributes:
        mean: The mean; None without questions.
        low: Lower end of the interval; None with fewer than two scenes.
        high: Upper end, likewise.
        n: Number of questions.
        n_scenes: Number of scenes that they are about.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int
    n_scenes: int


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """How much better one run is than another on the same questions.

    Attributes:
        difference: Mean of run minus baseline, with its interval.
        p_value: Exact two-sided McNemar test; None where a score is neither 0 nor 1. It takes
            questions as independent, which questions about one scene are not quite: where it and
            the interval disagree, trust the interval.
        n_better: Questions that the run scores higher on.
        n_worse: Questions that the baseline scores higher on.
    """

    difference: Estimate
    p_value: float | None
    n_better: int
    n_worse: int


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Results of several seeds or pose draws.

    Attributes:
        mean: Their mean.
        deviation: Their standard deviation; None for a single one.
        low: The lowest.
        high: The highest.
        n_draws: How many there are.
    """

    mean: float
    deviation: float | None
    low: float
    high: float
    n_draws: int


def estimate(values: ArrayLike, scene_ids: Sequence[str], *, seed: int = 0) -> Estimate:
    """Average scores, with a bootstrap over scenes.

    Questions about one scene share its difficulties, so whole scenes are drawn, with replacement,
    as many as there are; the interval is the middle 95 % of the means of 10,000 such draws.

    Args:
        values: (n,) scores.
        scene_ids: n scene names.
        seed: Of the draws; equal seeds draw equal scenes.
    """
    v = np.asarray(values, dtype=np.float64)
    return estimate_of_sums(np.stack([v, np.ones_like(v)], axis=1), _mean, scene_ids, seed=seed)


def estimate_of_sums(
    statistics: ArrayLike, value: Statistic, scene_ids: Sequence[str], *, seed: int = 0
) -> Estimate:
    """Compute a metric that is no mean of scores, with the same bootstrap.

    Args:
        statistics: (n, S) numbers that the metric adds up over questions.
        value: The metric of (..., S) sums.
        scene_ids: n scene names.
        seed: Of the draws.
    """
    s = np.asarray(statistics, dtype=np.float64)
    names, scene_of = np.unique(np.asarray(scene_ids, dtype=str), return_inverse=True)
    mean = float(value(s.sum(axis=0))) if len(s) else None
    low = high = None
    if len(names) > 1:
        sums = np.zeros((len(names), s.shape[1]))
        np.add.at(sums, scene_of, s)
        values = value(_resampled_sums(sums, seed))
        low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Estimate(mean=mean, low=low, high=high, n=len(s), n_scenes=len(names))


def _mean(sums: NDArray[Any]) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = sums[..., 0] / sums[..., 1]
    return ratio


def _resampled_sums(sums: NDArray[Any], seed: int) -> NDArray[np.float64]:
    """(N_RESAMPLES, S) sums over scenes drawn with replacement; scenes have (C, S) sums."""
    times = _draws(len(sums), seed)
    chunks = (times[i : i + _CHUNK].astype(np.float64) for i in range(0, N_RESAMPLES, _CHUNK))
    columns = np.ascontiguousarray(sums.T)
    # A product so small is slower on many threads, which a matrix product would take.
    return np.concatenate([np.einsum("rc,sc->rs", chunk, columns) for chunk in chunks])


@lru_cache(maxsize=4)
def _draws(n_scenes: int, seed: int) -> NDArray[np.int16]:
    """(N_RESAMPLES, C) how often each draw holds each scene; all metrics of a result share it."""
    rng = np.random.default_rng(seed)
    rows = np.arange(_CHUNK)[:, None] * n_scenes
    draws = (
        np.bincount(
            (rows + rng.integers(n_scenes, size=(_CHUNK, n_scenes))).ravel(),
            minlength=_CHUNK * n_scenes,
        ).reshape(_CHUNK, n_scenes)
        for _ in range(N_RESAMPLES // _CHUNK)
    )
    return np.concatenate([draw.astype(np.int16) for draw in draws])


def paired_difference(
    run: ArrayLike, baseline: ArrayLike, scene_ids: Sequence[str], *, seed: int = 0
) -> PairedDifference:
    """Compare two runs question by question.

    Args:
        run: (n,) scores.
        baseline: (n,) scores of the same questions in the same order.
        scene_ids: n scene names.
        seed: Of the bootstrap.

    Raises:
        DataError: The numbers of scores differ.
    """
    a, b = np.asarray(run, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    if a.shape != b.shape:
        raise DataError(
            f"paired difference: wanted the same questions in both runs, found {len(a)} and "
            f"{len(b)} scores"
        )
    n_better, n_worse = int((a > b).sum()), int((a < b).sum())
    binary = np.isin(a, (0.0, 1.0)).all() and np.isin(b, (0.0, 1.0)).all()
    return PairedDifference(
        difference=estimate(a - b, scene_ids, seed=seed),
        p_value=mcnemar_p_value(n_better, n_worse) if binary else None,
        n_better=n_better,
        n_worse=n_worse,
    )


def spread(values: ArrayLike) -> Spread:
    """How far apart the results of several seeds or pose draws are.

    Args:
        values: (D,) one figure per draw, D >= 1.

    Raises:
        DataError: There is none.
    """
    v = np.asarray(values, dtype=np.float64)
    if v.ndim != 1 or len(v) == 0:
        raise DataError(f"spread: wanted one figure per draw, found shape {v.shape}")
    deviation = float(v.std(ddof=1)) if len(v) > 1 else None
    return Spread(
        mean=float(v.mean()),
        deviation=deviation,
        low=float(v.min()),
        high=float(v.max()),
        n_draws=len(v),
    )


def estimate_over_draws(
    scores: ArrayLike, scene_ids: Sequence[str], *, seed: int = 0
) -> tuple[Estimate, Spread]:
    """Average several draws of the same questions.

    Args:
        scores: (D, n) scores of each draw.
        scene_ids: n scene names.
        seed: Of the bootstrap.

    Returns:
        The mean over draws and questions, with the interval over scenes of each question's mean
        score; and how far apart the draws' own means are.
    """
    s = np.asarray(scores, dtype=np.float64)
    return estimate(s.mean(axis=0), scene_ids, seed=seed), spread(s.mean(axis=1))


def mcnemar_p_value(n_better: int, n_worse: int) -> float:
    """Exact two-sided McNemar test: how likely so uneven a split of the changed questions is."""
    from scipy.stats import binomtest

    if n_better + n_worse == 0:
        return 1.0
    return float(binomtest(n_better, n_better + n_worse).pvalue)
