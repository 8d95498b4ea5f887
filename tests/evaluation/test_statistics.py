from __future__ import annotations

from math import comb

import numpy as np
import pytest

from posealign_core.errors import DataError
from posealign_core.evaluation.statistics import (
    Estimate,
    estimate,
    estimate_of_sums,
    estimate_over_draws,
    mcnemar_p_value,
    paired_difference,
    spread,
)


def test_an_interval_over_equal_scenes_follows_the_binomial() -> None:
    """100 scenes with one question each, half of them right: a mean of binomial draws."""
    values = np.tile([0.0, 1.0], 50)
    found = estimate(values, [f"s{i}" for i in range(100)])
    assert (found.mean, found.n, found.n_scenes) == (0.5, 100, 100)
    # Quantiles of Binomial(100, 1/2) / 100, to the binomial's grain.
    assert found.low == pytest.approx(0.40, abs=0.011)
    assert found.high == pytest.approx(0.60, abs=0.011)


def test_questions_of_one_scene_count_as_one_draw() -> None:
    """Ten questions that always agree tell no more than one: the interval stays as wide."""
    scenes = [f"s{i}" for i in range(40)]
    values = np.arange(40) % 2
    one = estimate(values, scenes)
    ten = estimate(np.repeat(values, 10), np.repeat(scenes, 10).tolist())
    assert (ten.low, ten.high) == (one.low, one.high)
    alone = estimate(np.repeat(values, 10), [str(i) for i in range(400)])
    assert alone.high is not None
    assert alone.low is not None
    assert one.high is not None
    assert one.low is not None
    assert (one.high - one.low) / (alone.high - alone.low) == pytest.approx(10**0.5, rel=0.1)


def test_scenes_of_unequal_size_weigh_by_their_questions() -> None:
    """Two scenes: a draw is twice the first, twice the second, or one of each."""
    found = estimate([1.0, 0.0, 0.0, 0.0], ["a", "b", "b", "b"])
    assert found.mean == 0.25
    assert (found.low, found.high) == (0.0, 1.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    scenes = np.repeat([f"s{i}" for i in range(30)], 5).tolist()
    hits = 0
    for _ in range(60):
        ease = np.repeat(rng.uniform(0.4, 1.0, 30), 5)  # mean 0.7
        found = estimate((rng.uniform(size=150) < ease).astype(float), scenes)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.7 <= found.high
    assert 52 <= hits <= 60


def test_one_scene_has_no_interval_and_none_has_no_mean() -> None:
    assert estimate([0.0, 1.0], ["a", "a"]) == Estimate(
        mean=0.5, low=None, high=None, n=2, n_scenes=1
    )
    assert estimate([], []) == Estimate(mean=None, low=None, high=None, n=0, n_scenes=0)


def test_equal_seeds_give_equal_intervals() -> None:
    values, scenes = np.linspace(0, 1, 20), [str(i % 7) for i in range(20)]
    assert estimate(values, scenes) == estimate(values, scenes)
    assert estimate(values, scenes) != estimate(values, scenes, seed=1)


@pytest.mark.parametrize(
    ("n_better", "n_worse", "p_value"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 0, 1.0),
        (6, 0, 2 / 64),
        (0, 6, 2 / 64),
        (9, 1, 2 * (1 + 10) / 2**10),
        (12, 4, 2 * sum(comb(16, k) for k in range(5)) / 2**16),
    ],
)
def test_mcnemar_is_twice_the_binomial_tail(n_better: int, n_worse: int, p_value: float) -> None:
    assert mcnemar_p_value(n_better, n_worse) == pytest.approx(p_value)


def test_paired_difference_of_binary_scores() -> None:
    run = [1, 1, 1, 0, 1, 0, 1, 1]
    baseline = [0, 0, 1, 0, 0, 1, 0, 0]
    found = paired_difference(run, baseline, list("aabbccdd"))
    assert (found.n_better, found.n_worse) == (5, 1)
    assert found.p_value == pytest.approx(2 * (1 + 6) / 64)
    assert found.difference.mean == 0.5
    assert found.difference == estimate(np.subtract(run, baseline), list("aabbccdd"))


def test_paired_difference_of_other_scores_has_no_p_value() -> None:
    assert paired_difference([0.5, 1.0], [0.0, 1.0], ["a", "b"]).p_value is None


def test_paired_difference_wants_the_same_questions() -> None:
    with pytest.raises(DataError, match="2 and 1"):
        paired_difference([1, 0], [1], ["a", "b"])


def ratio(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def test_a_ratio_of_sums_is_no_mean_of_ratios() -> None:
    rows = [[1, 1], [0, 9], [2, 2], [1, 4]]
    found = estimate_of_sums(rows, ratio, ["a", "a", "b", "b"])
    assert found.mean == 4 / 16
    # Twice the first scene, twice the second, or the whole.
    assert (found.low, found.high) == (1 / 10, 3 / 6)
    assert (found.n, found.n_scenes) == (4, 2)


def test_the_mean_is_the_ratio_of_scores_and_their_number() -> None:
    values, scenes = np.linspace(0, 1, 30), [str(i % 8) for i in range(30)]
    rows = np.stack([values, np.ones(30)], axis=1)
    assert estimate_of_sums(rows, ratio, scenes, seed=3) == estimate(values, scenes, seed=3)


def test_the_interval_is_that_of_a_plain_bootstrap() -> None:
    """A second writing: draw scenes by name and average their questions."""
    rng = np.random.default_rng(5)
    scenes = np.repeat([f"s{i}" for i in range(12)], rng.integers(1, 9, 12))
    values = rng.uniform(size=len(scenes))
    by_scene = [values[scenes == name] for name in np.unique(scenes)]
    means = [
        np.concatenate([by_scene[i] for i in rng.integers(12, size=12)]).mean()
        for _ in range(10_000)
    ]
    found = estimate(values, scenes.tolist())
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.01)


def test_spread_over_draws() -> None:
    found = spread([0.5, 0.7, 0.6])
    assert (found.mean, found.deviation) == (pytest.approx(0.6), pytest.approx(0.1))
    assert (found.low, found.high, found.n_draws) == (0.5, 0.7, 3)
    assert spread([0.5]).deviation is None
    with pytest.raises(DataError, match="one figure per draw"):
        spread([])


def test_draws_of_the_same_questions() -> None:
    scores = [[1, 0, 1, 0], [1, 1, 1, 0]]
    found, between = estimate_over_draws(scores, list("aabb"))
    assert found == estimate([1, 0.5, 1, 0], list("aabb"))
    assert (between.low, between.high) == (0.5, 0.75)
