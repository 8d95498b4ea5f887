from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.errors import FrameMismatchError, ShapeError
from posealign_core.geometry import Frame, RigidTransform, corners_from_aabb
from posealign_core.structures import (
    AlignedSample,
    ObjectTable,
    Query,
    Region,
    RunLengthMask,
    Scene,
)
from posealign_core.vocabulary import TaskKind


def quarter_turn(target: Frame, source: Frame) -> RigidTransform:
    m = np.eye(4)
    m[:2, :2] = [[0, -1], [1, 0]]
    m[:3, 3] = [1, 0, 0]
    return RigidTransform(m, target, source)


def scene() -> Scene:
    boxes = np.array([[1.0, 0.0, 0.5, 0.2, 0.4, 0.6]])
    objects = ObjectTable(
        object_ids=np.array([7]),
        labels=("chair",),
        centers=boxes[:, :3],
        corners=corners_from_aabb(boxes),
    )
    return Scene(
        scene_id="s",
        frame=Frame.WORLD,
        points=np.array([[1.0, 0.0, 0.5], [0.0, 0.0, 0.0]]),
        normals=np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
        instance_ids=np.array([7, -1]),
        objects=objects,
    )


def query(**fields: object) -> Query:
    base: dict[str, object] = {
        "query_id": "q",
        "benchmark": "b",
        "split": "val",
        "scene_id": "s",
        "kind": TaskKind.ANSWER,
        "text": "what?",
    }
    return Query(**(base | fields))  # type: ignore[arg-type]


def test_a_moved_scene_moves_points_normals_objects_and_up() -> None:
    moved = scene().moved(quarter_turn(Frame.INPUT, Frame.WORLD))
    np.testing.assert_allclose(moved.points, [[1, 1, 0.5], [1, 0, 0]])
    np.testing.assert_allclose(moved.normals, [[0, 1, 0], [0, 0, 1]])
    assert moved.objects is not None
    np.testing.assert_allclose(moved.objects.centers, [[1, 1, 0.5]])
    assert moved.objects.corners is not None
    np.testing.assert_allclose(moved.objects.corners[0].mean(axis=0), [1, 1, 0.5])
    np.testing.assert_allclose(moved.up, [0, 0, 1])
    assert moved.frame is Frame.INPUT


def test_a_scene_moves_only_from_its_own_frame() -> None:
    with pytest.raises(FrameMismatchError):
        scene().moved(quarter_turn(Frame.EGO, Frame.CAMERA))


def test_arrays_are_read_only() -> None:
    with pytest.raises(ValueError, match="read-only"):
        scene().points[0] = 0


@pytest.mark.parametrize("shape", [(3,), (2, 2), (2, 3, 1)])
def test_points_of_a_wrong_shape_are_named(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"points of scene 'x': wanted shape \('any', 3\)"):
        Scene(scene_id="x", frame=Frame.WORLD, points=np.zeros(shape))


def test_object_ids_must_ascend() -> None:
    with pytest.raises(ShapeError, match="ascending"):
        ObjectTable(object_ids=np.array([2, 1]), labels=("a", "b"), centers=np.zeros((2, 3)))


def test_an_unaligned_sample_is_the_world_under_another_name() -> None:
    q = query(region=Region(click=np.array([1.0, 2.0, 3.0])))
    sample = AlignedSample.unaligned(q, scene())
    np.testing.assert_array_equal(sample.scene.points, scene().points)
    assert sample.region is not None
    assert sample.region.frame is Frame.INPUT
    moved = sample.moved(quarter_turn(Frame.INPUT, Frame.INPUT))
    back = moved.input_from_world.inverse().apply(moved.scene.points)
    np.testing.assert_allclose(back, scene().points, atol=1e-12)


def test_an_annotated_pose_must_be_world_from_camera() -> None:
    with pytest.raises(FrameMismatchError, match="wanted world_from_camera"):
        query(annotated_pose=RigidTransform.identity(Frame.EGO, Frame.WORLD))


@given(st.lists(st.booleans(), max_size=200))
def test_run_lengths_round_trip(mask: list[bool]) -> None:
    encoded = RunLengthMask.encode(np.array(mask, dtype=bool))
    assert encoded.decode().tolist() == mask
    assert encoded.size == len(mask)
    assert 0 not in encoded.runs[1:]


def test_run_lengths_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ShapeError, match="add up to 5"):
        RunLengthMask((2, 2), 5)
