"""The two captures: the same words, other answers, and a coin that nothing else knows of."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from posealign_rooms.plan import plan_room
from posealign_rooms.presets import Preset
from posealign_rooms.questions.choose import blind_accuracy

SHORT = Preset(
    name="short",
    n_train=40,
    n_val=0,
    n_objects=(6, 8),
    spacing_m=0.1,
    n_frames=40,
    image_every=20,
    image_scale=0.1,
    n_viewpoints=2,
)


@pytest.fixture(scope="module")
def both():
    return [[plan_room(SHORT, 1, i, capture=c) for c in (0, 1)] for i in range(24)]


def questions(plan):
    for number, view in enumerate(plan.views):
        for benchmark, asked in view.asked.items():
            for one in asked:
                yield (number, benchmark, one.situation, one.text, one.alternatives), one


def test_both_captures_ask_the_same_words(both) -> None:
    for one, other in both:
        assert [k for k, _ in questions(one)] == [k for k, _ in questions(other)]
        assert one.layout.objects == other.layout.objects
        assert one.intrinsics == other.intrinsics


def test_directional_answers_differ_and_the_others_agree(both) -> None:
    for one, other in both:
        for (_, a), (_, b) in zip(questions(one), questions(other), strict=True):
            assert a.directional == b.directional
            assert (a.item.outcome != b.item.outcome) == a.directional
            assert a.chance == b.chance == (0.5 if a.directional else 1.0)


def test_cameras_stand_on_opposite_sides_of_what_they_look_at(both) -> None:
    for one, other in both:
        for a, b in zip(one.views, other.views, strict=True):
            headings = [p.pose_in_room(v.frame).rotation[:2, 2] for p, v in ((one, a), (other, b))]
            cosine = headings[0] @ headings[1] / np.prod(np.linalg.norm(headings, axis=1))
            assert cosine < -0.3


def test_chance_agrees_with_simulated_blind_answerers(both) -> None:
    """Whoever knows room and words, but not the coin, gets half of the directional ones right."""
    kept = [plan_room(SHORT, 1, i).capture for i in range(len(both))]
    assert 6 <= sum(kept) <= 18
    rng = np.random.default_rng(0)
    hits = []
    for _ in range(400):
        guesses, coins = rng.integers(2, size=(2, len(both)))
        for pair, guess, coin in zip(both, guesses, coins, strict=True):
            rows = zip(questions(pair[guess]), questions(pair[coin]), strict=True)
            hits += [a.item.outcome == b.item.outcome for (_, a), (_, b) in rows if a.directional]
    assert np.mean(hits) == pytest.approx(0.5, abs=0.02)


def test_left_and_right_are_balanced(both) -> None:
    """Over both captures each word is the answer equally often; over the coin about as often."""
    pooled = Counter(
        one.item.answer
        for pair in both
        for plan in pair
        for _, one in questions(plan)
        if one.item.form in {"lateral", "me_half"}
    )
    assert pooled["left"] == pooled["right"] > 20
    pooled = Counter(
        one.item.answer
        for pair in both
        for plan in pair
        for _, one in questions(plan)
        if one.item.form == "depth"
    )
    assert pooled["front"] == pooled["behind"] > 5


def test_blind_accuracy() -> None:
    assert blind_accuracy(["left", "right"]) == 0.5
    assert blind_accuracy(["a", "b", "a", "c"]) == 0.5
    assert blind_accuracy([(1,), (2,), ()]) == pytest.approx(1 / 3)
    assert blind_accuracy(["yes"]) == 1.0
