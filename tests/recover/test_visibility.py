"""What the scores mean: closed forms, invariances, and refused input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recover_scans import CAMERA, clutter, look_at, panel, ring
from scipy.spatial.transform import Rotation

from posealign_core.errors import ConfigError, ShapeError
from posealign_core.recover import visibility_scores

EYE = look_at([0, 0, 1], [3, 0, 1])[None]
SPACINGS = [0.01, 0.02, 0.03]


def sphere(radius: float, center: Any, spacing: float) -> np.ndarray:
    """Fibonacci lattice of that spacing."""
    n = round(4 * np.pi * radius**2 / spacing**2)
    k = np.arange(n) + 0.5
    z = 1 - 2 * k / n
    angle = np.pi * (1 + 5**0.5) * k
    ring_radius = np.sqrt(1 - z**2)
    unit = np.stack([ring_radius * np.cos(angle), ring_radius * np.sin(angle), z], axis=1)
    return np.asarray(center) + radius * unit


@pytest.mark.parametrize("spacing", SPACINGS)
def test_surface_sees_a_panel_and_not_what_it_hides(spacing: float) -> None:
    """A panel of 1 m at 2 m hides 1.5 m of the wall at 3 m: 1.5^2 / 2^2 of it."""
    near = panel([2, 0, 1], [0, 0.5, 0], [0, 0, 0.5], spacing)
    wall = panel([3, 0, 1], [0, 1.0, 0], [0, 0, 1.0], spacing)
    ids = np.repeat([0, 1], [len(near), len(wall)])
    scores, object_ids = visibility_scores(np.concatenate([near, wall]), ids, EYE, CAMERA)
    assert object_ids.tolist() == [0, 1]
    assert scores[0, 0] > 0.97
    assert scores[0, 1] == pytest.approx(1 - 1.5**2 / 2**2, abs=0.05)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_surface_sees_the_near_side_of_a_sphere(spacing: float) -> None:
    """From distance d a sphere of radius r shows (1 - r / d) / 2 of its surface."""
    points = sphere(0.4, [3, 0, 1], spacing)
    ids = np.zeros(len(points), int)
    visible = (1 - 0.4 / 3) / 2
    surface, _ = visibility_scores(points, ids, EYE, CAMERA)
    released, _ = visibility_scores(points, ids, EYE, CAMERA, rule="released")
    # The tolerance shows a ring behind the horizon.
    assert surface[0, 0] == pytest.approx(visible, abs=3 * spacing + 0.02)
    assert released[0, 0] < 0.1


def test_released_measures_apparent_size() -> None:
    """A wall of 1 cm spacing seen at a tenth of the image keeps one point per pixel or so."""
    wall = panel([3, 0, 1], [0, 1.0, 0], [0, 0, 0.8], 0.01)
    scores, _ = visibility_scores(wall, np.zeros(len(wall), int), EYE, CAMERA, rule="released")
    slanted = wall + np.array([0.6, 0, 0]) * (wall[:, 1:2] + 1)
    tilted, _ = visibility_scores(slanted, np.zeros(len(wall), int), EYE, CAMERA, rule="released")
    assert scores[0, 0] > 0.95  # a wall square to the camera has one depth per pixel
    assert tilted[0, 0] < 0.2


def test_a_camera_inside_a_wall_sees_no_farther() -> None:
    """The wall's points are around the camera; the room behind them is hidden."""
    spacing = 0.02
    wall = np.concatenate(
        [panel([x, 0, 1], [0, 0.5, 0], [0, 0, 0.5], spacing) for x in (-0.04, 0.0, 0.04)]
    )
    behind = panel([3, 0, 1], [0, 0.3, 0], [0, 0, 0.3], spacing)
    ids = np.repeat([0, 1], [len(wall), len(behind)])
    scores, _ = visibility_scores(np.concatenate([wall, behind]), ids, EYE, CAMERA)
    assert np.isfinite(scores).all()
    assert scores[0, 1] < 0.1


def test_unlabelled_points_hide_but_are_no_object() -> None:
    near = panel([2, 0, 1], [0, 0.9, 0], [0, 0, 0.9], 0.02)
    wall = panel([3, 0, 1], [0, 0.5, 0], [0, 0, 0.5], 0.02)
    ids = np.repeat([-1, 4], [len(near), len(wall)])
    points = np.concatenate([near, wall])
    surface, surface_ids = visibility_scores(points, ids, EYE, CAMERA)
    _, released_ids = visibility_scores(points, ids, EYE, CAMERA, rule="released")
    assert surface_ids.tolist() == [4]
    assert surface[0, 0] < 0.02
    assert released_ids.tolist() == [-1, 4]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), rule=st.sampled_from(["surface", "released"]))
def test_a_common_rigid_motion_changes_nothing(seed: int, rule: str) -> None:
    points, ids = clutter(seed)
    poses = ring(5)
    rng = np.random.default_rng(seed)
    moved_from_world = np.eye(4)
    moved_from_world[:3, :3] = Rotation.random(rng=rng).as_matrix()
    moved_from_world[:3, 3] = rng.uniform(-5, 5, 3)
    moved = points @ moved_from_world[:3, :3].T + moved_from_world[:3, 3]
    before, _ = visibility_scores(points, ids, poses, CAMERA, rule=rule)
    after, _ = visibility_scores(moved, ids, moved_from_world @ poses, CAMERA, rule=rule)
    np.testing.assert_array_equal(before, after)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), factor=st.sampled_from([0.25, 4.0]))
def test_surface_does_not_depend_on_the_unit_of_length(seed: int, factor: float) -> None:
    """A room and its cameras blown up by a power of two give the same scores."""
    points, ids = clutter(seed)
    poses = ring(5)
    larger = poses.copy()
    larger[:, :3, 3] *= factor
    before, _ = visibility_scores(points, ids, poses, CAMERA)
    after, _ = visibility_scores(points * factor, ids, larger, CAMERA)
    assert np.abs(before - after).max() < 0.02  # the spacing is rounded to 0.1 mm


def test_far_apart_ids() -> None:
    points, ids = clutter(1)
    large = np.where(ids == 3, 2**40, ids)
    scores, object_ids = visibility_scores(points, large, ring(3), CAMERA)
    plain, plain_ids = visibility_scores(points, ids, ring(3), CAMERA)
    assert object_ids.tolist() == [0, 1, 2, 4, 2**40]
    np.testing.assert_array_equal(scores[:, [0, 1, 2, 4, 3]], plain)
    assert plain_ids.dtype == np.int64
    assert plain.dtype == np.float32


@pytest.mark.parametrize("offset", [2**40, -(2**40)])
def test_ids_far_from_zero(offset: int) -> None:
    points, ids = clutter(1)
    plain, plain_ids = visibility_scores(points, ids, ring(3), CAMERA, rule="released")
    scores, moved_ids = visibility_scores(points, ids + offset, ring(3), CAMERA, rule="released")
    np.testing.assert_array_equal(moved_ids, plain_ids + offset)
    np.testing.assert_array_equal(scores, plain)


def test_unsigned_ids() -> None:
    points, ids = clutter(1)
    labelled = ids >= 0
    points, ids = points[labelled], ids[labelled]
    plain, _ = visibility_scores(points, ids, ring(3), CAMERA)
    scores, object_ids = visibility_scores(points, ids.astype(np.uint8), ring(3), CAMERA)
    np.testing.assert_array_equal(scores, plain)
    assert object_ids.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("rule", ["surface", "released"])
def test_scores_are_shares(rule: str) -> None:
    points, ids = clutter(2)
    scores, _ = visibility_scores(points, ids, ring(10), CAMERA, rule=rule)
    assert scores.min() >= 0
    assert scores.max() <= 1
    assert scores.max() > 0


@pytest.mark.parametrize("n", [1, 2, 5])
def test_hardly_any_points(n: int) -> None:
    points = np.array([[2.0 + 0.1 * i, 0, 1] for i in range(n)])
    scores, ids = visibility_scores(points[:1], np.array([7]), EYE, CAMERA)
    assert ids.tolist() == [7]
    assert scores[0, 0] == 1.0
    scores, _ = visibility_scores(points, np.arange(n), EYE, CAMERA)
    assert scores[0, 0] == 1.0


def test_identical_points() -> None:
    points = np.repeat([[2.0, 0, 1]], 50, axis=0)
    scores, _ = visibility_scores(points, np.zeros(50, int), EYE, CAMERA)
    assert scores[0, 0] == 1.0


def test_empty_scene() -> None:
    scores, ids = visibility_scores(np.zeros((0, 3)), np.zeros(0, int), EYE, CAMERA)
    assert scores.shape == (1, 0)
    assert len(ids) == 0


def test_no_labelled_object() -> None:
    points, _ = clutter(0)
    scores, ids = visibility_scores(points, np.full(len(points), -1), EYE, CAMERA)
    assert scores.shape == (1, 0)
    assert len(ids) == 0


def bad(**change: Any) -> dict[str, Any]:
    """Good arguments with one of them spoilt."""
    points, ids = clutter(0)
    good = {
        "points": points,
        "instance_ids": ids,
        "world_from_camera": ring(3),
        "intrinsics": CAMERA,
    }
    return {**good, **change}


def spoilt(array: np.ndarray, index: Any, value: Any) -> np.ndarray:
    copy = array.copy()
    copy[index] = value
    return copy


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (bad(points=spoilt(clutter(0)[0], (17, 1), np.nan)), ShapeError, "first in row 17; remove"),
        (bad(points=spoilt(clutter(0)[0], (2, 0), np.inf)), ShapeError, "1 of 600 with NaN or Inf"),
        (bad(points=np.zeros((600, 2))), ShapeError, r"wanted shape \(N, 3\)"),
        (bad(instance_ids=np.zeros(3, int)), ShapeError, "wanted 600 integers, one per point"),
        (bad(instance_ids=np.zeros(600)), ShapeError, "found float64"),
        (bad(world_from_camera=np.eye(4)), ShapeError, r"wanted shape \(V, 4, 4\)"),
        (bad(world_from_camera=spoilt(ring(3), (1, 0, 0), np.nan)), ShapeError, "first at 1"),
        (bad(world_from_camera=np.zeros((2, 4, 4))), ShapeError, "found 2 of 2 that are not"),
        (bad(intrinsics=[CAMERA]), ShapeError, r"one per pose \(3\), found 1"),
        (bad(rule="ray"), ConfigError, "wanted 'surface' or 'released'"),
        (bad(image_scale=0.0), ConfigError, r"wanted a factor in \(0, 1\]"),
        (bad(image_scale=0.001), ConfigError, "leaves no pixel of 240"),
        (bad(depth_tolerance=-1.0), ConfigError, "wanted at least 0 m"),
        (bad(depth_tolerance=float("nan")), ConfigError, "wanted at least 0 m"),
    ],
)
def test_refused_input(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        visibility_scores(**arguments)
    assert "\n\n" not in str(caught.value)
