from __future__ import annotations

import numpy as np
import pytest

from posealign_core.errors import ShapeError
from posealign_core.geometry import (
    SCANNET_CONSTANT,
    Frame,
    Intrinsics,
    RigidTransform,
    aabb_from_corners,
    aabb_iou,
    aabb_of_points,
    corners_from_aabb,
    move_corners,
)


def test_scaling_truncates_the_image_as_published() -> None:
    small = SCANNET_CONSTANT.scaled(0.1)
    assert (small.width, small.height) == (129, 96)
    assert small.fx == pytest.approx(116.9621094)


def test_matrix_round_trip() -> None:
    assert Intrinsics.from_matrix(SCANNET_CONSTANT.matrix, 1296, 968) == SCANNET_CONSTANT


@pytest.mark.parametrize(
    ("field", "value"), [("fx", 0.0), ("fy", -1.0), ("cx", np.nan), ("width", 0)]
)
def test_impossible_cameras_are_refused(field: str, value: float) -> None:
    fields = {"fx": 1.0, "fy": 1.0, "cx": 0.0, "cy": 0.0, "width": 4, "height": 4, field: value}
    with pytest.raises(ShapeError):
        Intrinsics(**fields)  # type: ignore[arg-type]


def test_skew_is_refused() -> None:
    k = np.array([[100.0, 5.0, 50.0], [0.0, 100.0, 50.0], [0.0, 0.0, 1.0]])
    with pytest.raises(ShapeError, match="skew"):
        Intrinsics.from_matrix(k, 100, 100)


def test_half_shifted_unit_cubes_overlap_by_a_third() -> None:
    cube = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    shifted = [0.5, 0.0, 0.0, 1.0, 1.0, 1.0]
    far = [3.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    iou = aabb_iou([cube], [cube, shifted, far])
    np.testing.assert_allclose(iou, [[1.0, 1 / 3, 0.0]], atol=1e-7)
    assert iou[0, 0] < 1.0


def test_a_flat_box_scores_zero() -> None:
    assert aabb_iou([[0, 0, 0, 1, 1, 0]], [[0, 0, 0, 1, 1, 0]])[0, 0] == 0.0


def test_corners_hold_the_box_and_turn_with_it() -> None:
    box = np.array([[1.0, 2.0, 3.0, 0.4, 0.6, 0.8]])
    corners = corners_from_aabb(box)
    np.testing.assert_allclose(aabb_from_corners(corners), box)
    quarter = np.eye(4)
    quarter[:2, :2] = [[0, -1], [1, 0]]
    turned = move_corners(RigidTransform(quarter, Frame.INPUT, Frame.WORLD), corners)
    np.testing.assert_allclose(aabb_from_corners(turned), [[-2.0, 1.0, 3.0, 0.6, 0.4, 0.8]])


def test_a_box_needs_points() -> None:
    with pytest.raises(ShapeError, match="N >= 1"):
        aabb_of_points(np.zeros((0, 3)))
