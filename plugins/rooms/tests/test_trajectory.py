from __future__ import annotations

import numpy as np
import pytest

from posealign_core.geometry import is_rigid
from posealign_rooms.trajectory import Fixation, camera_path, lose_tracking
from posealign_rooms.viewpoint import camera_matrix

STOPS = [
    Fixation((0.0, 0.0, 1.5), (2.0, 0.0, 1.0)),
    Fixation((0.5, 0.5, 1.5), (0.5, 3.0, 0.5)),
    Fixation((1.0, 0.0, 1.5), (-2.0, -0.1, 1.0)),
]


def test_camera_axes_are_right_down_forward() -> None:
    (m,) = camera_matrix(np.zeros((1, 3)), np.zeros(1), np.zeros(1), np.zeros(1))
    np.testing.assert_allclose(m[:3, :3].T, [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-12)
    (m,) = camera_matrix(np.zeros((1, 3)), np.full(1, np.pi / 2), np.full(1, -0.3), np.zeros(1))
    np.testing.assert_allclose(m[:3, 2], [0, np.cos(0.3), -np.sin(0.3)], atol=1e-12)
    np.testing.assert_allclose(m[:3, 0], [1, 0, 0], atol=1e-12)


def test_roll_keeps_the_optical_axis() -> None:
    flat, tipped = camera_matrix(
        np.zeros((2, 3)), np.full(2, 0.4), np.full(2, -0.2), np.array([0.0, 0.1])
    )
    np.testing.assert_allclose(flat[:3, 2], tipped[:3, 2])
    assert is_rigid(tipped)
    assert np.arccos(flat[:3, 0] @ tipped[:3, 0]) == pytest.approx(0.1)


def test_the_camera_looks_at_each_goal_when_it_is_there() -> None:
    poses, frames = camera_path(STOPS, 41, np.random.default_rng(0))
    assert frames == [0, 20, 40]
    for stop, frame in zip(STOPS, frames, strict=True):
        away = np.array(stop.goal) - poses[frame, :3, 3]
        cosine = poses[frame, :3, 2] @ away / np.linalg.norm(away)
        assert np.degrees(np.arccos(cosine)) < 6
        assert np.linalg.norm(poses[frame, :3, 3] - stop.eye) < 0.12


def test_paths_of_scenes_look_hand_held(plans) -> None:
    for plan in plans:
        valid = [m for m in plan.world_from_camera if is_rigid(m)]
        poses = plan.layout.aligned_from_world.matrix @ np.array(valid)
        assert poses[:, 2, 3].min() > 1.1
        assert poses[:, 2, 3].max() < 1.9
        half = (plan.layout.width / 2, plan.layout.depth / 2)
        assert (np.abs(poses[:, :2, 3]) < half).all()
        pitch = np.degrees(np.arcsin(poses[:, 2, 2]))
        assert -40 < pitch.min() < -8
        assert pitch.max() < 15
        roll = np.degrees(np.arcsin(poses[:, 2, 0]))
        assert 0.5 < np.std(roll) < 8
        yaw = np.unwrap(np.arctan2(poses[:, 1, 2], poses[:, 0, 2]))
        assert np.degrees(np.ptp(yaw)) > 45


def test_a_few_frames_are_lost_but_none_that_is_asked_from(plans) -> None:
    for plan in plans:
        valid = np.array([is_rigid(m) for m in plan.world_from_camera])
        assert 2 <= (~valid).sum() <= max(2, len(valid) // 50)
        assert all(valid[view.frame] for view in plan.views)
        lost = plan.world_from_camera[~valid]
        assert np.isneginf(lost).any()
        assert np.isnan(lost).any()


def test_losing_tracking_copies() -> None:
    poses = np.tile(np.eye(4), (30, 1, 1))
    spoiled = lose_tracking(poses, [0, 1, 2], np.random.default_rng(0))
    assert np.isfinite(poses).all()
    assert np.isfinite(spoiled[:3]).all()
    assert (~np.isfinite(spoiled).all(axis=(1, 2))).sum() == 2


def test_cameras_differ_between_scenes(plans) -> None:
    assert len({plan.intrinsics for plan in plans}) == len(plans)
