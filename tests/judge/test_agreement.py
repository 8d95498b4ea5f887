from __future__ import annotations

import math

import numpy as np
import pytest

from posealign_core.errors import DataError
from posealign_core.judge.agreement import (
    agreement,
    corrected_accuracy,
    judge_noise,
    krippendorff_alpha,
)


def judges(both, first, second, neither):
    pairs = (
        [(True, True)] * both
        + [(True, False)] * first
        + [(False, True)] * second
        + [(False, False)] * neither
    )
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_kappa_of_the_textbook_table():
    # 20 both yes, 5 and 10 split, 15 both no: p_o = 0.7, p_e = 0.5 * 0.6 + 0.5 * 0.4 = 0.5.
    found = agreement(*judges(20, 5, 10, 15))
    assert (found.n, found.observed) == (50, pytest.approx(0.7))
    assert found.kappa == pytest.approx(0.4)
    assert found.kappa_error == pytest.approx(math.sqrt(0.7 * 0.3 / 50) / 0.5)
    # pi = (25 + 30) / 100 = 0.55, p_e = 2 * 0.55 * 0.45 = 0.495.
    assert found.ac1 == pytest.approx((0.7 - 0.495) / (1 - 0.495))
    assert found.agreement_on_correct == pytest.approx(40 / 55)
    assert found.agreement_on_incorrect == pytest.approx(30 / 45)


def test_skewed_verdicts_break_kappa_but_not_ac1():
    found = agreement(*judges(95, 3, 2, 0))
    assert found.kappa < 0
    assert found.ac1 > 0.9
    same = agreement(*judges(10, 0, 0, 0))
    assert same.kappa is None
    assert same.ac1 == 1
    assert same.agreement_on_incorrect is None


def test_agreement_needs_the_same_answers():
    with pytest.raises(DataError, match="0 and 0"):
        agreement([], [])
    with pytest.raises(DataError, match="1 and 2"):
        agreement([True], [True, False])


def test_spec_error_of_kappa():
    # 200 items, p_o = 0.9, p_e = 0.5 (judge spec 7).
    assert agreement(*judges(90, 10, 10, 90)).kappa_error == pytest.approx(0.042, abs=5e-4)


def test_alpha_by_an_independent_writing():
    rng = np.random.default_rng(0)
    rows = [[rng.choice([True, False, None]) for _ in range(3)] for _ in range(200)]
    values = [[v for v in row if v is not None] for row in rows]
    values = [row for row in values if len(row) > 1]
    coincidence = np.zeros((2, 2))
    for row in values:
        for i, a in enumerate(row):
            for j, b in enumerate(row):
                if i != j:
                    coincidence[int(a), int(b)] += 1 / (len(row) - 1)
    n = coincidence.sum()
    marginal = coincidence.sum(axis=1)
    expected = (n * n - (marginal**2).sum()) / (n - 1)
    observed = n - np.trace(coincidence)
    assert krippendorff_alpha(rows) == pytest.approx(1 - observed / expected)
    assert krippendorff_alpha([[True, True], [False, False]]) == 1
    assert krippendorff_alpha([[True, True]]) is None
    assert krippendorff_alpha([]) is None


def test_judge_noise_by_hand():
    noise = judge_noise([[True, True, False], [True, True, True], [True]])
    variance = 2 / 9
    assert noise.n == 2
    assert noise.single_draw_error == pytest.approx(math.sqrt(variance) / 2)
    assert noise.mean_error == pytest.approx(math.sqrt(variance / 3) / 2)
    # Of the three pairs of draws on the first answer two differ; on the second none does.
    assert noise.flip_rate == pytest.approx((2 / 3 + 0) / 2)
    assert judge_noise([[True], []]) is None


def test_correction_undoes_a_simulated_judge():
    truth, sensitivity, specificity = 0.6, 0.9, 0.8
    judged = truth * sensitivity + (1 - truth) * (1 - specificity)
    found = corrected_accuracy(judged, sensitivity=sensitivity, specificity=specificity)
    assert found == pytest.approx(truth)
    with pytest.raises(DataError, match="chance"):
        corrected_accuracy(0.5, sensitivity=0.5, specificity=0.5)
