from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posealign_core.errors import DataError
from posealign_core.evaluation.draws import (
    draws_difference,
    draws_estimate,
    paired_difference,
)
from posealign_core.evaluation.metrics.corpus import corpus_value
from posealign_core.evaluation.result import BenchmarkResult

KEYS = ("q0", "q1", "q2", "q3")


def result(*scores: float | None, found: tuple[tuple[float, ...], ...] = ()) -> BenchmarkResult:
    statistics = {"x_found": found} if found else {}
    extra = {"x_recall": tuple(row[0] for row in found)} if found else {}
    return BenchmarkResult(
        benchmark="b",
        split="val",
        keys=KEYS,
        scene_ids=("s0", "s0", "s1", "s1"),
        scores={"em": scores, **extra},
        subsets={"all": KEYS, "direction_critical": KEYS[:2]},
        n_predicted=4,
        statistics=statistics,
    )


def test_mean_spread_and_interval_of_two_draws() -> None:
    mean, apart = draws_estimate([result(1, 0, 1, 1), result(0, 0, 1, 1)], "em")
    # Means by question: 0.5, 0, 1, 1; by draw: 0.75, 0.5; by scene: 0.25, 1.
    assert (mean.mean, mean.n, mean.n_scenes) == (0.625, 4, 2)
    assert (mean.low, mean.high) == (0.25, 1.0)
    assert apart is not None
    assert (apart.mean, apart.low, apart.high, apart.n_draws) == (0.625, 0.5, 0.75, 2)
    assert apart.deviation == pytest.approx(0.25 / 2**0.5)


def test_equal_draws_have_no_spread_but_keep_their_interval() -> None:
    one = result(1, 0, 1, 1)
    mean, apart = draws_estimate([one, one, one], "em")
    assert mean == one.estimate("em")
    assert apart is not None
    assert apart.deviation == 0


def test_question_counts_where_it_counts_in_every_draw() -> None:
    mean, _ = draws_estimate([result(1, None, 1, 0), result(1, 1, None, 0)], "em")
    assert (mean.mean, mean.n) == (0.5, 2)
    none, apart = draws_estimate([result(None, None, 1, 0)], "em", "direction_critical")
    assert (none.mean, none.n, apart) == (None, 0, None)


def test_corpus_metric_is_the_mean_of_the_draws_own_values() -> None:
    # Recall: summed scores over summed objects.
    first = result(1, 1, 1, 1, found=((1, 1, 1), (1, 1, 1), (0, 1, 2), (0, 1, 1)))
    second = result(1, 1, 1, 1, found=((0, 1, 1), (0, 1, 1), (1, 1, 2), (0, 1, 1)))
    mean, apart = draws_estimate([first, second], "x_recall")
    assert mean.mean == pytest.approx((2 / 5 + 1 / 5) / 2)
    # Only the first scene: (2/2 + 0) / 2; only the second: (0 + 1/3) / 2.
    assert (mean.low, mean.high) == (pytest.approx(1 / 6), pytest.approx(1 / 2))
    assert apart is not None
    assert (apart.low, apart.high) == (pytest.approx(0.2), pytest.approx(0.4))
    assert draws_estimate([first], "x_recall")[0] == first.estimate("x_recall")
    found = draws_difference([first, second], [second], "x_recall")
    assert found.difference.mean == pytest.approx(0.3 - 0.2)
    assert corpus_value("x_recall", np.array([2.0, 4.0, 5.0])) == 0.4


def test_paired_difference_of_a_corpus_metric() -> None:
    run = result(1, 1, 1, 1, found=((2, 1, 1), (0, 1, 1), (1, 1, 2), (0, 1, 2)))
    baseline = result(0, 1, 1, 1, found=((1, 1, 1), (0, 1, 1), (1, 1, 2), (0, 1, 2)))
    found = paired_difference(run, baseline, "x_recall")
    assert found.difference.mean == pytest.approx(3 / 6 - 2 / 6)
    # Twice the second scene differs by nothing, twice the first by a half.
    assert (found.difference.low, found.difference.high) == pytest.approx((0, 0.5))
    assert (found.n_better, found.n_worse, found.p_value) == (1, 0, None)


def test_difference_of_one_draw_each_is_the_paired_difference() -> None:
    run, baseline = result(1, 0, 1, 1), result(0, 0, 1, 0)
    assert draws_difference([run], [baseline], "em") == paired_difference(run, baseline, "em")
    several = draws_difference([run, baseline], [baseline], "em")
    assert several.difference.mean == 0.25
    assert (several.n_better, several.n_worse, several.p_value) == (2, 0, None)


def test_other_questions_and_other_rules_are_refused() -> None:
    run = result(1, 0, 1, 1)
    other = replace(run, keys=("q0", "q1", "q2", "q9"))
    with pytest.raises(DataError, match="found 4 and 4, 3 of them in common"):
        draws_estimate([run, other], "em")
    with pytest.raises(DataError, match="one protocol"):
        draws_difference([run], [replace(run, protocol="official")], "em")
