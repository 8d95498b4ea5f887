from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import FrameMismatchError, ShapeError
from posealign_core.geometry import (
    CameraAxes,
    Frame,
    PoseDirection,
    RigidTransform,
    are_rigid,
    ego_from_camera,
    is_rigid,
    world_from_camera_rdf,
)

finite = st.floats(-5, 5, allow_nan=False)


@st.composite
def rigid_matrices(draw: st.DrawFn) -> np.ndarray:
    """A random rotation (normalised quaternion) and translation."""
    q = np.array([draw(finite) for _ in range(4)])
    norm = np.linalg.norm(q)
    w, x, y, z = q / norm if norm > 1e-3 else (1.0, 0.0, 0.0, 0.0)
    m = np.eye(4)
    m[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    m[:3, 3] = [draw(finite) for _ in range(3)]
    return m


@given(rigid_matrices(), rigid_matrices())
def test_composition_is_the_matrix_product_and_inverse_undoes_it(
    a: np.ndarray, b: np.ndarray
) -> None:
    world_from_camera = RigidTransform(a, Frame.WORLD, Frame.CAMERA)
    ego_from_world = RigidTransform(b, Frame.EGO, Frame.WORLD)
    both = ego_from_world @ world_from_camera
    points = np.arange(12.0).reshape(4, 3)
    np.testing.assert_allclose(
        both.apply(points), ego_from_world.apply(world_from_camera.apply(points)), atol=1e-9
    )
    np.testing.assert_allclose(both.inverse().apply(both.apply(points)), points, atol=1e-9)
    np.testing.assert_allclose(both.inverse().matrix, np.linalg.inv(both.matrix), atol=1e-9)


def test_unequal_inner_frames_do_not_compose() -> None:
    a = RigidTransform.identity(Frame.WORLD, Frame.CAMERA)
    with pytest.raises(FrameMismatchError, match="world_from_camera with world_from_camera"):
        a @ a


@pytest.mark.parametrize(
    "matrix",
    [
        np.full((4, 4), np.nan),
        np.diag([1.0, 1.0, -1.0, 1.0]),
        np.diag([2.0, 2.0, 2.0, 1.0]),
        np.zeros((4, 4)),
        np.eye(3),
    ],
    ids=["nan", "mirror", "scaling", "singular", "3x3"],
)
def test_what_is_not_rigid_is_refused(matrix: np.ndarray) -> None:
    assert not is_rigid(matrix)
    with pytest.raises(ShapeError, match="rigid"):
        RigidTransform(matrix, Frame.WORLD, Frame.CAMERA)


def test_pose_texts_with_six_decimals_are_rigid() -> None:
    angle = 0.7
    m = np.eye(4)
    m[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    assert is_rigid(np.round(m, 6))


@given(
    rigid_matrices(),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([0.0, 1e-3, 9e-3, 0.02, -3.0, np.nan, np.inf]),
    st.booleans(),
)
def test_one_matrix_is_judged_as_many_are(
    matrix: np.ndarray, row: int, column: int, change: float, mirrored: bool
) -> None:
    changed = matrix.copy()
    changed[row, column] += change
    if mirrored:
        changed[:, 0] *= -1
    assert is_rigid(changed) == bool(are_rigid(changed[None])[0])


def test_ego_axes_are_forward_left_up() -> None:
    right, down, forward = np.eye(3)
    ego = ego_from_camera()
    np.testing.assert_array_equal(ego.apply(forward), [1, 0, 0])
    np.testing.assert_array_equal(ego.apply(-right), [0, 1, 0])
    np.testing.assert_array_equal(ego.apply(-down), [0, 0, 1])


# The axes of each convention, written down in RDF coordinates.
AXES_IN_RDF = {
    CameraAxes.RDF: ([1, 0, 0], [0, 1, 0], [0, 0, 1]),
    CameraAxes.RUB: ([1, 0, 0], [0, -1, 0], [0, 0, -1]),
    CameraAxes.FLU: ([0, 0, 1], [-1, 0, 0], [0, -1, 0]),
}


@pytest.mark.parametrize("axes", CameraAxes)
@pytest.mark.parametrize("direction", PoseDirection)
@given(world_from_rdf=rigid_matrices())
def test_every_stated_convention_comes_back_to_rdf(
    axes: CameraAxes, direction: PoseDirection, world_from_rdf: np.ndarray
) -> None:
    rdf_from_stated = np.eye(4)
    rdf_from_stated[:3, :3] = np.array(AXES_IN_RDF[axes]).T
    stored = world_from_rdf @ rdf_from_stated
    if direction is PoseDirection.WORLD_TO_CAMERA:
        stored = np.linalg.inv(stored)
    read = world_from_camera_rdf(stored[None], axes=axes, direction=direction)
    np.testing.assert_allclose(read[0], world_from_rdf, atol=1e-9)


def test_a_singular_world_to_camera_pose_becomes_nan_and_spares_the_others() -> None:
    poses = np.stack([np.zeros((4, 4)), np.eye(4)])
    read = world_from_camera_rdf(poses, direction=PoseDirection.WORLD_TO_CAMERA)
    assert np.isnan(read[0]).any()
    np.testing.assert_array_equal(read[1], np.eye(4))
