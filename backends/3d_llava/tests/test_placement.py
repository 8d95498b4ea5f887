"""The geometric steps of section 1.2, each against a second writing, and the pose that follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_3d_llava.encode.elastic import elastic_distortion, elastic_pass
from posealign_3d_llava.encode.placement import Placement, flipped, stirred
from posealign_core.structures import AugmentPolicy
from posealign_core.testing.toy_scenes import pose_towards, toy_scene


def start() -> Placement:
    return Placement(toy_scene().points, pose_towards(0.3).reference_from_camera.matrix)


def seen(placement: Placement) -> np.ndarray:
    """Points in the camera's frame."""
    ones = np.ones((len(placement.points), 1))
    camera = np.linalg.inv(placement.input_from_camera)
    return (np.hstack([placement.points, ones]) @ camera.T)[:, :3]


@given(seed=st.integers(0, 10_000), turn=st.floats(0, 3.14))
def test_the_camera_keeps_its_view_up_to_scale(seed: int, turn: float):
    before = start()
    after = stirred(before.centered(z=True), turn, AugmentPolicy(), np.random.default_rng(seed))
    after = after.centered(z=False)
    scale = np.linalg.norm(np.ptp(seen(after), axis=0)) / np.linalg.norm(
        np.ptp(seen(before), axis=0)
    )
    assert 0.8 <= scale <= 1.2
    np.testing.assert_allclose(seen(after), scale * seen(before), atol=1e-9)
    rotation = after.input_from_camera[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)


def test_draws_and_formula_of_the_random_turn():
    rng = np.random.default_rng(5)
    theta, scale = rng.uniform(-3.14, 3.14), rng.uniform(0.8, 1.2)
    shift = rng.normal(scale=0.1, size=3)
    x, y, z = start().points.T
    expected = scale * np.stack(
        [x * np.cos(theta) - y * np.sin(theta), x * np.sin(theta) + y * np.cos(theta), z], axis=1
    )
    moved = stirred(start(), 3.14, AugmentPolicy(), np.random.default_rng(5))
    np.testing.assert_allclose(moved.points, expected + shift, atol=1e-12)


@pytest.mark.parametrize("forbidden", ["rotate", "scale", "translate"])
def test_a_forbidden_step_is_not_taken_and_the_others_stay_the_same(forbidden: str):
    policy = AugmentPolicy(**{forbidden: False})
    moved = stirred(start(), 1.0, policy, np.random.default_rng(1)).points
    whole = stirred(start(), 1.0, AugmentPolicy(), np.random.default_rng(1)).points
    assert np.abs(moved - whole).max() > 1e-3
    spread = np.ptp(moved[:, 2]) / np.ptp(start().points[:, 2])
    assert (abs(spread - 1) < 1e-9) == (forbidden == "scale")


def test_centring():
    points = start().centered(z=True).points
    low, high = points.min(0), points.max(0)
    np.testing.assert_allclose(low[:2], -high[:2], atol=1e-12)
    assert low[2] == pytest.approx(0, abs=1e-12)
    plain = start().points
    np.testing.assert_array_equal(start().centered(z=False).points[:, 2], plain[:, 2])


def test_flips_mirror_x_and_y_each_half_of_the_time():
    signs = {
        tuple(np.sign((flipped(start(), np.random.default_rng(s)).points / start().points)[0]))
        for s in range(30)
    }
    assert signs == {(1, 1, 1), (-1, 1, 1), (1, -1, 1), (-1, -1, 1)}


def spelled_out_pass(x: np.ndarray, g: int, m: float, rng: np.random.Generator) -> np.ndarray:
    """Section 1.3 with loops: blur by sums of three, interpolate corner by corner."""
    d = [int(np.abs(x[:, axis]).max()) // g + 3 for axis in range(3)]
    noise = []
    for _ in range(3):
        volume = rng.standard_normal(d, dtype=np.float32).astype(np.float64)
        for axis in (0, 1, 2, 0, 1, 2):
            padded = np.pad(volume, [(1, 1) if a == axis else (0, 0) for a in range(3)])
            parts = [np.take(padded, range(o, o + d[axis]), axis) for o in range(3)]
            volume = sum(parts) / 3
        noise.append(volume)
    out = x.copy()
    for row, point in enumerate(x):
        places = [(point[a] + (d[a] - 1) * g) / (2 * g) for a in range(3)]
        base = [min(int(np.floor(p)), d[a] - 2) for a, p in enumerate(places)]
        for channel in range(3):
            value = 0.0
            for corner in np.ndindex(2, 2, 2):
                weight = np.prod(
                    [
                        (p - b) if c else 1 - (p - b)
                        for p, b, c in zip(places, base, corner, strict=True)
                    ]
                )
                value += weight * noise[channel][tuple(np.add(base, corner))]
            out[row, channel] += m * value
    return out


def test_elastic_pass_against_a_second_writing():
    x = np.random.default_rng(3).uniform(-40, 60, (12, 3))
    found = elastic_pass(x, 6, 40.0, np.random.default_rng(1))
    expected = spelled_out_pass(x, 6, 40.0, np.random.default_rng(1))
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert np.abs(found - x).max() > 0.5


def test_half_of_all_scenes_are_distorted():
    x = np.random.default_rng(0).uniform(0, 50, (5, 3))
    changed = [
        not np.array_equal(elastic_distortion(x, np.random.default_rng(s)), x) for s in range(60)
    ]
    assert 15 < sum(changed) < 45
