"""The spacing of points means the same for a grid, a random sample and a mesh."""

from __future__ import annotations

import numpy as np
import pytest
from recover_scans import CAMERA, look_at, panel

from posealign_core.recover.spacing import point_spacing, typical_depth


@pytest.mark.parametrize("spacing", [0.01, 0.03])
def test_grid(spacing: float) -> None:
    points = panel([0, 0, 0], [1, 0, 0], [0, 1, 0], spacing)
    assert point_spacing(points) == pytest.approx(spacing, rel=0.15)


def test_random_sample_of_equal_density() -> None:
    rng = np.random.default_rng(0)
    points = np.column_stack([rng.uniform(0, 2, (10_000, 2)), np.zeros(10_000)])
    assert point_spacing(points) == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("points", "spacing"),
    [
        (np.zeros((0, 3)), 0.0),
        (np.zeros((1, 3)), 0.0),
        (np.zeros((9, 3)), 0.0),
        (np.array([[0.0, 0, 0], [1, 0, 0]]), 1.7725),  # sqrt(pi)
    ],
)
def test_few_points(points: np.ndarray, spacing: float) -> None:
    assert point_spacing(points) == spacing


def test_typical_depth_is_that_of_what_is_in_view() -> None:
    wall = panel([4, 0, 1], [0, 0.2, 0], [0, 0, 0.2], 0.05)
    behind = panel([-9, 0, 1], [0, 2, 0], [0, 0, 2], 0.05)
    eye = np.linalg.inv(look_at([0, 0, 1], [4, 0, 1]))[None]
    assert typical_depth(np.concatenate([wall, behind]), eye, [CAMERA]) == pytest.approx(4)
    assert typical_depth(behind, eye, [CAMERA]) is None
    assert typical_depth(wall, np.zeros((0, 4, 4)), []) is None
