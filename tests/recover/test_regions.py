"""Scores of boxes and centres, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from recover_scans import CAMERA

from posealign_core.geometry import corners_from_aabb
from posealign_core.recover import box_scores, center_scores

EYE = np.eye(4)[None]


def box(*numbers: float) -> np.ndarray:
    return corners_from_aabb(np.array([numbers]))


@pytest.mark.parametrize(
    ("corners", "share"),
    [
        (box(0, 0, 3, 0.5, 0.5, 0.5), 1.0),
        (box(0, 0, -3, 0.5, 0.5, 0.5), 0.0),
        (box(9, 0, 3, 0.5, 0.5, 0.5), 0.0),
        # Half of a thin slab at z = 3 is right of the image's edge, at X = 3 * 160 / 300 = 1.6.
        (box(1.6, 0, 3, 1.0, 0.5, 0.001), 0.5),
        # Half of it is behind the camera, and what is before the camera is in view.
        (box(0, 0, 0, 1e-4, 1e-4, 2.0), 0.5),
    ],
)
def test_share_of_a_box_in_view(corners: np.ndarray, share: float) -> None:
    scores = box_scores(corners, EYE, [CAMERA])
    assert scores.dtype == np.float32
    assert scores[0, 0] == pytest.approx(share, abs=0.03)


def test_an_oriented_box_is_no_box_around_it() -> None:
    """A slab turned by 45 degrees, half of it beyond the image's edge."""
    turn = np.sqrt(0.5) * np.array([[1, -1, 0], [1, 1, 0], [0, 0, np.sqrt(2)]])
    corners = box(0, 0, 0, 2.0, 0.01, 0.001) @ turn.T + [1.6, 0, 3]
    assert box_scores(corners, EYE, [CAMERA])[0, 0] == pytest.approx(0.5, abs=0.03)


def test_box_scores_are_repeatable() -> None:
    corners = box(1.5, 0, 3, 1, 1, 1)
    first, second = (box_scores(corners, EYE, [CAMERA]) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_centres_by_hand() -> None:
    """fx = fy = 300, centre (160, 120): X = 0.4 at Z = 3 is 40 px off, of 200 to a corner."""
    places_and_offsets = [
        ([0, 0, 3.0], 0),
        ([0.4, 0, 3.0], 40),
        ([0, 0.6, 3.0], 60),
        ([-1.59, 0, 3.0], 159),
        ([1.6, 0, 3.0], 200),  # the first column outside
        ([0, 0, -3.0], 200),  # behind the camera
    ]
    scores = center_scores(np.array([place for place, _ in places_and_offsets]), EYE, [CAMERA])
    expected = [1 - offset / 200 for _, offset in places_and_offsets]
    np.testing.assert_allclose(scores[0], expected, atol=1e-6)


def test_no_object() -> None:
    assert box_scores(np.zeros((0, 8, 3)), EYE, [CAMERA]).shape == (1, 0)
    assert center_scores(np.zeros((0, 3)), EYE, [CAMERA]).shape == (1, 0)
