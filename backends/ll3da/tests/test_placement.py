from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posealign_core.structures import AugmentPolicy
from posealign_core.testing.toy_scenes import world_from_room
from posealign_core.vocabulary import AlignMode, Fidelity
from posealign_ll3da.encode.placement import MAX_TURN_RAD, Placement, on_walls, place

from .samples import sample_of


def placed(sample, *, train=True, flip=Fidelity.CORRECT, seed=0) -> Placement:
    return place(sample, flip=flip, train=train, rng=np.random.default_rng(seed))


def test_walls_lie_along_the_axes_in_every_frame():
    room_from_world = world_from_room().inverse().matrix
    plain, posed = sample_of(), sample_of(AlignMode.TRANSFORM)
    assert np.allclose(on_walls(plain).placed_from_input, room_from_world)
    there = on_walls(posed).points(posed.scene.points)
    assert np.allclose(there, on_walls(plain).points(plain.scene.points), atol=1e-9)


def test_training_turns_by_five_degrees_at_most_and_leaves_the_height():
    sample = sample_of()
    start = on_walls(sample)
    for seed in range(30):
        turn = placed(sample, seed=seed).placed_from_input @ np.linalg.inv(start.placed_from_input)
        assert abs(np.arctan2(turn[1, 0], turn[0, 0])) <= MAX_TURN_RAD
        assert np.allclose(turn[2], [0, 0, 1, 0])
        assert np.isclose(np.linalg.det(turn), 1)


def test_only_the_released_recipe_mirrors():
    kinds = {
        round(np.linalg.det(placed(sample_of(), flip=Fidelity.RELEASED, seed=s).placed_from_input))
        for s in range(30)
    }
    assert kinds == {-1, 1}


@pytest.mark.parametrize("mode", [AlignMode.PROMPT, AlignMode.EMBED])
def test_a_pose_in_words_or_features_forbids_mirrors_and_follows_turns(mode: AlignMode):
    sample = sample_of(mode)
    for seed in range(20):
        placement = placed(sample, flip=Fidelity.RELEASED, seed=seed)
        assert np.isclose(np.linalg.det(placement.placed_from_input), 1)
        camera = sample.pose.reference_from_camera
        seen_before = camera.inverse().apply(sample.scene.points)
        moved = np.linalg.inv(placement.camera(camera.matrix))
        seen_after = Placement(moved).points(placement.points(sample.scene.points))
        assert np.allclose(seen_before, seen_after)


def test_an_ego_frame_stays_as_it_is():
    assert np.array_equal(placed(sample_of(AlignMode.TRANSFORM)).placed_from_input, np.eye(4))


def test_random_numbers_do_not_depend_on_what_is_allowed():
    states = []
    for policy in (AugmentPolicy(), AugmentPolicy(rotate=False, flip=False)):
        rng = np.random.default_rng(3)
        place(replace(sample_of(), policy=policy), flip=Fidelity.RELEASED, train=True, rng=rng)
        states.append(rng.random())
    assert states[0] == states[1]


def test_back_undoes_a_mirrored_turn():
    placement = placed(sample_of(), flip=Fidelity.RELEASED, seed=4)
    points = np.random.default_rng(0).normal(size=(5, 3))
    assert np.allclose(placement.back(placement.points(points)), points)
