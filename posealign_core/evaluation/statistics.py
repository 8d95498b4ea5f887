"""How sure a score is, and whether two runs differ (benchmarks spec 6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Estimate", "PairedDifference", "estimate", "mcnemar_p_value", "paired_difference"]

N_RESAMPLES = 10_000
LEVEL = 0.95
_CHUNK = 1000


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
    names, scene_of = np.unique(np.asarray(scene_ids, dtype=str), return_inverse=True)
    mean = float(v.mean()) if len(v) else None
    low = high = None
    if len(names) > 1:
        sums = np.bincount(scene_of, weights=v)
        counts = np.bincount(scene_of)
        means = _resampled_means(sums, counts, np.random.default_rng(seed))
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return Estimate(mean=mean, low=low, high=high, n=len(v), n_scenes=len(names))


def _resampled_means(
    sums: NDArray[Any], counts: NDArray[Any], rng: np.random.Generator
) -> NDArray[np.float64]:
    """(N_RESAMPLES,) means of scenes drawn with replacement; memory grows with scenes alone."""
    c = len(sums)
    draws = (
        rng.multinomial(c, np.full(c, 1 / c), size=_CHUNK) for _ in range(N_RESAMPLES // _CHUNK)
    )
    return np.concatenate([(times @ sums) / (times @ counts) for times in draws])


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


def mcnemar_p_value(n_better: int, n_worse: int) -> float:
    """Exact two-sided McNemar test: how likely so uneven a split of the changed questions is."""
    from scipy.stats import binomtest

    if n_better + n_worse == 0:
        return 1.0
    return float(binomtest(n_better, n_better + n_worse).pvalue)
