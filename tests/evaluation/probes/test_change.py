from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from learning_toy import ToyDataset, camera, toy_queries

from posealign_core.align import ego_from_reference
from posealign_core.evaluation.probes.change import (
    Reflected,
    TurnedPose,
    TurnedWorld,
    WithoutWords,
)
from posealign_core.evaluation.probes.same_answer import opposite_side, same_answer
from posealign_core.geometry import Frame, Intrinsics, RigidTransform, corners_from_aabb
from posealign_core.structures import EgoPose, Prediction, Region, RunLengthMask
from posealign_core.testing.toy_scenes import pose_towards, toy_scene
from posealign_core.vocabulary import EgoFrame, PoseSource

angles = st.floats(-np.pi, np.pi)
frames = pytest.mark.parametrize("ego_frame", list(EgoFrame))


@frames
@given(degrees=st.sampled_from([0.0, 90.0, 180.0, 270.0, 33.0]), yaw=angles)
def test_a_turned_world_looks_the_same_to_its_asker(
    ego_frame: EgoFrame, degrees: float, yaw: float
) -> None:
    scene, pose, change = toy_scene(), pose_towards(yaw), TurnedWorld(degrees)
    before = ego_from_reference(pose, scene.up, ego_frame).apply(scene.points)
    world, turned = change.scene(scene), change.pose(pose, scene)
    after = ego_from_reference(turned, world.up, ego_frame).apply(world.points)
    np.testing.assert_allclose(after, before, atol=1e-9)


@frames
@given(yaw=angles)
def test_the_mirror_swaps_left_and_right_and_nothing_else(ego_frame: EgoFrame, yaw: float) -> None:
    scene, pose, change = toy_scene(), pose_towards(yaw), Reflected()
    before = ego_from_reference(pose, scene.up, ego_frame).apply(scene.points)
    world, seen = change.scene(scene), change.pose(pose, scene)
    after = ego_from_reference(seen, world.up, ego_frame).apply(world.points)
    np.testing.assert_allclose(after, before * [1, -1, 1], atol=1e-9)
    assert scene.objects is not None
    assert world.objects is not None
    centers = [
        ego_from_reference(p, s.up, ego_frame).apply(s.objects.centers)
        for p, s in ((pose, scene), (seen, world))
    ]
    np.testing.assert_allclose(centers[1], centers[0] * [1, -1, 1], atol=1e-9)


def test_the_mirrored_camera_sees_the_mirrored_image() -> None:
    scene, pose = toy_scene(), pose_towards(0.4)
    off_center = Intrinsics(100.0, 110.0, 70.0, 50.0, 160, 120)
    pose = EgoPose(
        reference_from_camera=pose.reference_from_camera,
        intrinsics=off_center,
        source=PoseSource.USER,
    )
    seen = Reflected().pose(pose, scene)

    def pixels(p: EgoPose, points: np.ndarray) -> np.ndarray:
        xyz = p.reference_from_camera.inverse().apply(points)
        return np.stack(
            [
                p.intrinsics.fx * xyz[:, 0] / xyz[:, 2] + p.intrinsics.cx,
                p.intrinsics.fy * xyz[:, 1] / xyz[:, 2] + p.intrinsics.cy,
            ],
            axis=1,
        )

    before = pixels(pose, scene.points)
    after = pixels(seen, Reflected().scene(scene).points)
    np.testing.assert_allclose(after, [160, 0] + before * [-1, 1], atol=1e-6)


def test_mirroring_twice_gives_everything_back() -> None:
    change, scene = Reflected(), toy_scene()
    again = change.scene(change.scene(scene))
    np.testing.assert_allclose(again.points, scene.points, atol=1e-12)
    assert scene.objects is not None
    assert again.objects is not None
    np.testing.assert_allclose(again.objects.corners, scene.objects.corners, atol=1e-12)
    np.testing.assert_allclose(
        again.aligned_from_world.matrix, scene.aligned_from_world.matrix, atol=1e-12
    )
    query = toy_queries()[0]
    region = Region(click=np.array([1.0, 2.0, 3.0]))
    moved = change.query(query, scene)
    assert moved.text == "is the chair on my right ?"
    assert moved.references == ("right",)
    back = change.query(moved, scene)
    assert (back.text, back.references) == (query.text, query.references)
    assert back.annotated_pose is not None
    np.testing.assert_allclose(back.annotated_pose.matrix, camera(0).matrix, atol=1e-12)
    assert region.click is not None


def test_mirrored_boxes_keep_the_order_of_their_corners() -> None:
    scene = ToyDataset(None).scene("s0")  # type: ignore[arg-type]
    world = Reflected().scene(scene)
    assert scene.objects is not None
    assert world.objects is not None
    boxes = np.column_stack([world.objects.centers, np.full((2, 3), 0.4)])
    np.testing.assert_allclose(world.objects.corners, corners_from_aabb(boxes), atol=1e-12)


def test_an_alignment_stays_a_rotation_and_mirrors_the_aligned_scan() -> None:
    scene, angle = toy_scene(), 0.3
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:3, 3] = (1.0, -2.0, 0.5)
    aligned = RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.WORLD)
    object.__setattr__(scene, "aligned_from_world", aligned)
    world = Reflected().scene(scene)
    np.testing.assert_allclose(
        world.aligned_from_world.apply(world.points),
        aligned.apply(scene.points) * [-1, 1, 1],
        atol=1e-9,
    )


def test_turning_on_the_spot() -> None:
    scene, pose = toy_scene(), pose_towards(0.2)
    turned = TurnedPose(90).pose(pose, scene).reference_from_camera
    old = pose.reference_from_camera
    np.testing.assert_array_equal(turned.translation, old.translation)
    ahead, left = old.rotation[:, 2], -old.rotation[:, 0]
    assert turned.rotation[:, 2][:2] @ left[:2] > 0.9 * np.linalg.norm(ahead[:2])


def test_without_words_nothing_of_the_question_is_left() -> None:
    query = toy_queries()[0]
    silent = WithoutWords().query(query, toy_scene())
    assert not set(query.text.split()) & set(silent.text.lower().split()) - {"is", "the", "?"}
    assert silent.situation == ""
    assert silent.references == query.references


def answer(**values: object) -> Prediction:
    parts = {"query_id": "q", "benchmark": "b", "scene_id": "s", "text": ""}
    return Prediction(**{**parts, **values})  # type: ignore[arg-type]


def test_same_answers() -> None:
    assert same_answer(answer(text="On the Left."), answer(text="on left"))
    assert not same_answer(answer(text="left"), answer(text="right"))
    assert same_answer(answer(object_ids=(3, 7)), answer(object_ids=(7, 3), text="obj"))
    assert not same_answer(answer(object_ids=(3,)), answer())
    here, there = (corners_from_aabb([[x, 0, 0, 1, 1, 1]]) for x in (0.0, 0.2))
    far = corners_from_aabb([[2, 0, 0, 1, 1, 1]])
    assert same_answer(answer(corners=here), answer(corners=there))
    assert not same_answer(answer(corners=here), answer(corners=far))
    assert not same_answer(answer(corners=here), answer())
    half, whole = RunLengthMask.encode([1, 1, 0, 0]), RunLengthMask.encode([1, 1, 1, 1])
    assert same_answer(answer(masks=(half,)), answer(masks=(whole,)))
    assert not same_answer(answer(masks=(half,)), answer())


def test_opposite_sides() -> None:
    assert opposite_side("Left") == "right"
    assert opposite_side("behind") == "front"
    assert opposite_side("in front of") == "behind"
    assert opposite_side("chair") is None
