from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posealign_core.errors import DataError
from posealign_core.geometry import Frame, Intrinsics, RigidTransform, corners_from_aabb
from posealign_core.structures import ObjectTable, Scene
from posealign_rooms.about_scene import layout_of, questions_about

CAMERA = Intrinsics(500.0, 500.0, 320.0, 240.0, 640, 480)
# A cup and a fork lie on either side of a plate; a door is behind the asker, who looks along +x.
BOXES = {
    7: ("Cup", (3, 1, 0)),
    9: ("Fork", (3, -1, 0)),
    20: ("Plate", (3, 0, 0)),
    31: ("Door", (-2, 0, 1)),
}


def scene_and_pose(turn: np.ndarray) -> tuple[Scene, RigidTransform]:
    """The table scene, with the whole world turned."""
    world = RigidTransform(
        np.block([[turn, np.zeros((3, 1))], [0, 0, 0, 1]]), Frame.WORLD, Frame.INPUT
    )
    centers = np.array([place for _, place in BOXES.values()], dtype=np.float64)
    boxes = np.concatenate([centers, np.full((4, 3), 0.3)], axis=1)
    scene = Scene(
        scene_id="table",
        frame=Frame.WORLD,
        points=world.apply(centers),
        objects=ObjectTable(
            object_ids=np.array(list(BOXES)),
            labels=tuple(label for label, _ in BOXES.values()),
            centers=world.apply(centers),
            corners=world.apply(corners_from_aabb(boxes)),
        ),
        up=world.apply_direction((0.0, 0.0, 1.0)),
    )
    matrix = np.eye(4)
    matrix[:3, :3] = np.array([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])
    pose = world.matrix @ matrix
    return scene, RigidTransform(pose, Frame.WORLD, Frame.CAMERA)


Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
ROLLED = np.array([[0.0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize("turn", [np.eye(3), Y_UP])
@pytest.mark.parametrize("roll", [np.eye(4), ROLLED])
def test_answers_are_right_whatever_is_up_and_however_the_camera_is_rolled(turn, roll) -> None:
    scene, pose = scene_and_pose(turn)
    pose = RigidTransform(pose.matrix @ roll, Frame.WORLD, Frame.CAMERA)
    rng = np.random.default_rng(0)
    told = {}
    for _ in range(30):
        for query in questions_about(scene, pose, CAMERA, rng, n=12, attentive=False):
            told[query.text] = (query.references[0], query.target_ids)
            assert query.annotated_pose is pose
    assert told["Is the cup to the left or to the right of the plate?"] == ("left", (7,))
    assert told["Is the fork to the left or to the right of the plate?"] == ("right", (9,))
    assert told["In which direction is the door?"] == ("behind", (31,))
    assert not any("color" in text for text in told)


def test_attentive_questions_leave_out_what_is_not_seen() -> None:
    scene, pose = scene_and_pose(np.eye(3))
    rng = np.random.default_rng(0)
    for _ in range(20):
        for query in questions_about(scene, pose, CAMERA, rng, ("scanqa",)):
            assert "door" not in query.text


def test_moving_world_and_camera_together_changes_nothing() -> None:
    plain, turned = (
        questions_about(*scene_and_pose(turn), CAMERA, np.random.default_rng(4), n=20)
        for turn in (np.eye(3), Y_UP)
    )
    assert [(q.text, q.references) for q in plain] == [(q.text, q.references) for q in turned]


def test_centres_are_enough() -> None:
    scene, pose = scene_and_pose(np.eye(3))
    scene = replace(scene, objects=replace(scene.objects, corners=None))
    layout, ids = layout_of(scene)
    assert ids == list(BOXES)
    np.testing.assert_allclose([o.size for o in layout.objects], 0.02)
    assert questions_about(scene, pose, CAMERA, np.random.default_rng(0))


def test_a_scan_without_objects_is_refused() -> None:
    scene, pose = scene_and_pose(np.eye(3))
    with pytest.raises(DataError, match="found none"):
        questions_about(replace(scene, objects=None), pose, CAMERA, np.random.default_rng(0))
