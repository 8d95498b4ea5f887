"""Noise on poses."""

from __future__ import annotations

import numpy as np
import pytest
from recover_scans import CAMERA, look_at

from posealign_core.errors import ConfigError
from posealign_core.geometry import Frame, RigidTransform
from posealign_core.recover import PoseNoise
from posealign_core.structures import EgoPose
from posealign_core.vocabulary import Fidelity, PoseSource

UP = np.array([0.0, 0.0, 1.0])
POSE = EgoPose(
    reference_from_camera=RigidTransform(
        look_at([1, 2, 1.5], [3, 2.5, 0.5]), Frame.WORLD, Frame.CAMERA
    ),
    intrinsics=CAMERA,
    source=PoseSource.RECOVERED,
    frame_id="7",
)


def disturbed(noise: PoseNoise, n: int, up: np.ndarray = UP) -> list[EgoPose]:
    rng = np.random.default_rng(0)
    return [noise.apply(POSE, up, rng) for _ in range(n)]


def yaws_deg(poses: list[EgoPose], axis: np.ndarray = UP) -> np.ndarray:
    """Signed turn about the axis, and a check that it is a turn about the axis."""
    turns = []
    for pose in poses:
        turn = pose.reference_from_camera.rotation @ POSE.reference_from_camera.rotation.T
        np.testing.assert_allclose(turn @ axis, axis, atol=1e-12)
        sine = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
        turns.append(np.degrees(np.arctan2(sine @ axis / 2, (np.trace(turn) - 1) / 2)))
    return np.array(turns)


def shifts(poses: list[EgoPose]) -> np.ndarray:
    there = [pose.reference_from_camera.translation for pose in poses]
    return np.array(there) - POSE.reference_from_camera.translation


def test_correct_noise_is_uniform_and_centred() -> None:
    poses = disturbed(PoseNoise(yaw_deg=30, shift_m=0.5), 3000)
    yaw, shift = yaws_deg(poses), shifts(poses)
    assert np.abs(yaw).max() <= 30
    assert yaw.mean() == pytest.approx(0, abs=1)
    assert yaw.std() == pytest.approx(30 / 3**0.5, rel=0.05)
    assert np.abs(shift).max() <= 0.5
    np.testing.assert_allclose(shift.mean(axis=0), 0, atol=0.02)
    assert all(pose.perturbed and pose.frame_id == "7" for pose in poses)


def test_correct_yaw_is_about_the_up_axis_whatever_it_is() -> None:
    up = np.array([0.0, 1.0, 0.0])
    yaws_deg(disturbed(PoseNoise(yaw_deg=40), 20, up), up)


def test_released_shift_has_mean_minus_std_and_twice_the_deviation() -> None:
    """t + 2 std (n - 0.5) with n standard normal (3d_llava Q22)."""
    shift = shifts(disturbed(PoseNoise(shift_m=0.2, fidelity=Fidelity.RELEASED), 6000))
    np.testing.assert_allclose(shift.mean(axis=0), -0.2, atol=0.02)
    np.testing.assert_allclose(shift.std(axis=0), 0.4, rtol=0.05)


def test_released_yaw_is_about_world_z_even_where_y_is_up() -> None:
    noise = PoseNoise(yaw_deg=40, fidelity=Fidelity.RELEASED)
    yaw = yaws_deg(disturbed(noise, 500, np.array([0.0, 1.0, 0.0])))
    assert np.abs(yaw).max() <= 40
    assert yaw.std() == pytest.approx(40 / 3**0.5, rel=0.1)


def test_no_noise_leaves_the_pose() -> None:
    pose = disturbed(PoseNoise(), 1)[0]
    np.testing.assert_allclose(
        pose.reference_from_camera.matrix, POSE.reference_from_camera.matrix, atol=1e-15
    )


@pytest.mark.parametrize("bound", [-1.0, float("nan"), float("inf")])
def test_refused_bounds(bound: float) -> None:
    with pytest.raises(ConfigError, match="finite bound of at least 0"):
        PoseNoise(yaw_deg=bound)
