from __future__ import annotations

import pytest

from posealign_core.judge.accuracy import Accuracy, caption_accuracies, majority
from posealign_core.judge.verdict import Status

C, W, V = Status.CORRECT, Status.INCORRECT, Status.INVALID
E, M = Status.ERROR, Status.MISSING


def test_all_denominators_by_hand():
    accuracy = Accuracy.of([C] * 4 + [W] * 3 + [V] * 2 + [E] + [M] * 2)
    assert (accuracy.n, accuracy.n_undecided, accuracy.n_decided) == (12, 3, 7)
    assert accuracy.strict == pytest.approx(4 / 12)
    assert accuracy.valid == pytest.approx(4 / 7)
    assert accuracy.upper == pytest.approx(7 / 12)
    assert accuracy.coverage == pytest.approx(7 / 12)
    assert not accuracy.complete


def test_headline_needs_no_errors_and_few_invalid():
    assert Accuracy.of([C] * 99 + [V]).complete
    assert not Accuracy.of([C] * 98 + [V] * 2).complete
    assert not Accuracy.of([C] * 999 + [E]).complete
    nothing = Accuracy.of([])
    assert nothing.strict is nothing.valid is nothing.coverage is None


@pytest.mark.parametrize(
    ("draws", "expected"),
    [
        ([C, C, W], C),
        ([W, C, W], W),
        ([C, V, V], C),
        ([C, W, V], V),
        ([C, W, E], E),
        ([V, V, V], V),
        ([M], M),
    ],
)
def test_majority(draws, expected):
    assert majority(draws) is expected


def test_four_universes_of_captions():
    statuses = {"a": C, "b": C, "c": C, "d": W, "e": C, "f": M}
    ious = {"a": 0.0, "b": 0.3, "c": 0.6, "d": 0.6, "e": None}
    found = caption_accuracies(statuses, ious)
    assert {name: (a.n_correct, a.n) for name, a in found.items()} == {
        "corpus": (3, 6),
        "at_0.25": (2, 6),
        "at_0.5": (1, 6),
        "matched": (3, 4),
    }
