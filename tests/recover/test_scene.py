"""One scan: rule, digest, table, doubts."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from recover_scans import CAMERA, clutter, look_at, ring, scene, trajectory
from scipy.spatial.transform import Rotation

from posealign_core.errors import (
    ConfigError,
    DataError,
    FrameMismatchError,
    PoseAlignWarning,
    PoseNotFoundError,
    ShapeError,
)
from posealign_core.geometry import (
    CameraAxes,
    Frame,
    RigidTransform,
    corners_from_aabb,
    world_from_camera_rdf,
)
from posealign_core.recover import (
    RecoverSettings,
    box_scores,
    center_scores,
    input_digest,
    recover_scene,
    visibility_scores,
)
from posealign_core.structures import ObjectTable

EVERY = RecoverSettings(every=1)
POINTS, IDS = clutter(0)
BOXES = np.array([[0, 0, 1, 1, 1, 1], [1, 1, 0.5, 0.4, 0.4, 1.0]])
OBJECTS = ObjectTable(
    object_ids=np.array([3, 8]),
    labels=("a", "b"),
    centers=BOXES[:, :3],
    corners=corners_from_aabb(BOXES),
)
NO_POINTS = np.zeros((0, 3))


def test_table_holds_what_visibility_scores_gives() -> None:
    poses = ring(8)
    poses[2] = np.nan
    table = recover_scene(scene(POINTS, IDS), trajectory(poses), EVERY)
    scores, ids = visibility_scores(POINTS, IDS, poses[[0, 1, 3, 4, 5, 6, 7]], CAMERA)
    np.testing.assert_array_equal(table.scores, scores)
    np.testing.assert_array_equal(table.object_ids, ids)
    assert table.rule == "surface"
    assert np.isnan(table.depth_tolerance_m)
    assert (table.counts.recorded, table.counts.rejected, table.counts.kept) == (8, 1, 7)


def test_released_rule_states_its_numbers() -> None:
    table = recover_scene(scene(POINTS, IDS), trajectory(ring(8)), replace(EVERY, rule="released"))
    assert (table.rule, table.image_scale, table.depth_tolerance_m) == ("released", 0.1, 1e-3)
    assert table.object_ids[0] == -1


def test_overrides_reach_the_rule() -> None:
    settings = replace(EVERY, image_scale=0.5, depth_tolerance_m=0.03)
    table = recover_scene(scene(POINTS, IDS), trajectory(ring(8)), settings)
    assert (table.image_scale, table.depth_tolerance_m) == (0.5, 0.03)


def test_auto_takes_boxes_then_centres() -> None:
    poses = ring(8)
    boxes = recover_scene(scene(NO_POINTS, None, objects=OBJECTS), trajectory(poses), EVERY)
    np.testing.assert_array_equal(boxes.scores, box_scores(OBJECTS.corners, poses, [CAMERA] * 8))
    assert (boxes.rule, boxes.object_ids.tolist()) == ("box", [3, 8])
    bare = replace(OBJECTS, corners=None)
    centers = recover_scene(scene(NO_POINTS, None, objects=bare), trajectory(poses), EVERY)
    np.testing.assert_array_equal(
        centers.scores, center_scores(OBJECTS.centers, poses, [CAMERA] * 8)
    )
    assert centers.rule == "center"


@pytest.mark.parametrize(
    ("rule", "parts", "message"),
    [
        ("surface", {"objects": OBJECTS}, "no instance id per point; use rule 'box' or 'center'"),
        ("released", {}, "no instance id per point"),
        ("box", {"objects": replace(OBJECTS, corners=None)}, "no boxes; use rule 'center'"),
        ("auto", {}, "neither masks nor boxes nor centres"),
    ],
)
def test_labels_that_the_rule_needs(rule: str, parts: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        recover_scene(scene(POINTS, None, **parts), trajectory(ring(8)), RecoverSettings(rule=rule))


def test_scene_in_another_frame() -> None:
    moved = scene(POINTS, IDS).moved(RigidTransform.identity(Frame.INPUT, Frame.WORLD))
    with pytest.raises(FrameMismatchError, match="wanted it in world"):
        recover_scene(moved, trajectory(ring(8)), EVERY)


def test_no_usable_pose() -> None:
    with pytest.raises(PoseNotFoundError, match="found none among 3 recorded frames"):
        recover_scene(scene(POINTS, IDS), trajectory(np.zeros((3, 4, 4))), EVERY)


def test_scene_with_nan_points() -> None:
    points = POINTS.copy()
    points[5] = np.nan
    with pytest.raises(ShapeError, match="first in row 5; remove"):
        recover_scene(scene(points, IDS), trajectory(ring(8)), EVERY)


@pytest.mark.parametrize(
    "change",
    [
        {"points": POINTS + 1e-9},
        {"ids": np.roll(IDS, 1)},
        {"poses": ring(8)[:7]},
        {"poses": ring(8, radius=3.0000001)},
        {"names": [str(i) for i in range(1, 9)]},
        {"rule": "released"},
        {"image_scale": 0.2},
        {"depth_tolerance_m": 0.01},
        {"every": 2},
    ],
)
def test_digest_changes_with_every_input(change: dict[str, Any]) -> None:
    assert digest() == digest()
    assert digest(**change) != digest()


def digest(
    points: Any = POINTS, ids: Any = IDS, poses: Any = None, names: Any = None, **settings: Any
) -> str:
    poses = ring(8) if poses is None else poses
    settings = {"every": 1, **settings}
    return input_digest(
        scene(points, ids), trajectory(poses, names=names), RecoverSettings(**settings)
    )


def test_digest_does_not_depend_on_engine_or_colours() -> None:
    colors = np.zeros((len(POINTS), 3), np.uint8)
    painted = scene(POINTS, IDS, colors=colors)
    settings = replace(EVERY, engine="numpy")
    assert input_digest(painted, trajectory(ring(8)), settings) == digest()


def test_digest_of_boxes_depends_on_the_boxes() -> None:
    room, recorded = scene(NO_POINTS, None, objects=OBJECTS), trajectory(ring(8))
    larger = replace(OBJECTS, corners=corners_from_aabb(BOXES * 1.01))
    other = scene(NO_POINTS, None, objects=larger)
    assert input_digest(room, recorded, EVERY) != input_digest(other, recorded, EVERY)


def corner_room() -> tuple[np.ndarray, np.ndarray]:
    """Objects along one wall, far from the origin, so that a wrong frame shows."""
    rng = np.random.default_rng(0)
    middles = np.array([[6.0, y, 1.0] for y in range(-3, 4)])
    points = middles[:, None] + rng.uniform(-0.3, 0.3, (7, 80, 3))
    return points.reshape(-1, 3), np.repeat(np.arange(7), 80)


def looking_at_them() -> np.ndarray:
    return np.stack([look_at([0, y, 1], [6, 3 * y, 1]) for y in np.linspace(-1, 1, 12)])


def turned_half() -> np.ndarray:
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    return turn @ looking_at_them()


@pytest.mark.parametrize(
    "poses",
    [
        turned_half(),
        world_from_camera_rdf(looking_at_them(), axes=CameraAxes.FLU),
        world_from_camera_rdf(looking_at_them(), axes=CameraAxes.RUB),
    ],
    ids=["cloud and cameras in different frames", "read as FLU", "read as OpenGL"],
)
def test_wrong_frames_are_doubted(poses: np.ndarray) -> None:
    room = scene(*corner_room())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recover_scene(room, trajectory(looking_at_them()), EVERY)
    with pytest.warns(PoseAlignWarning, match="check that points and poses are in one frame"):
        recover_scene(room, trajectory(poses), EVERY)


def test_few_kept_frames_are_noted() -> None:
    with pytest.warns(PoseAlignWarning, match="1 of 8 usable frames are kept; a smaller 'every'"):
        recover_scene(scene(POINTS, IDS), trajectory(ring(8)), RecoverSettings())


def test_a_scan_without_objects_is_noted() -> None:
    unlabelled = scene(POINTS, np.full(len(POINTS), -1))
    with pytest.warns(PoseAlignWarning, match="no labelled object; every pose will be a fallback"):
        table = recover_scene(unlabelled, trajectory(ring(8)), EVERY)
    assert table.scores.shape == (8, 0)


def test_settings_name_all_faults() -> None:
    with pytest.raises(ConfigError) as caught:
        RecoverSettings(
            rule="x", engine="y", every=0, image_scale=2.0, depth_tolerance_m=float("nan")
        )
    assert len(caught.value.faults) == 5
