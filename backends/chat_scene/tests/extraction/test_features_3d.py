from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scans import QUARTER_TURN, OneScan, scene_of

from posealign_chat_scene.extraction.cloud_batches import Precision
from posealign_chat_scene.extraction.features_3d import (
    CloudEncoder,
    ego_rotation,
    plain_work,
    write_frames,
    yaw_rotation,
    yaw_work,
)
from posealign_chat_scene.extraction.objects import Annotated
from posealign_chat_scene.extraction.tables import PoseFeatures
from posealign_chat_scene.extraction.uni3d import TINY
from posealign_chat_scene.extraction.uni3d_weights import random_uni3d
from posealign_core.errors import DataError, PoseAlignError
from posealign_core.vocabulary import EgoFrame

SCAN = "scene0000_00"
FEW_GROUPS = dataclasses.replace(TINY, n_groups=4, group_size=4)
LABELS = ("chair", "speck", "lamp")


def _rotated(rotation) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = rotation
    return pose


LOOKS_ALONG_X = _rotated(np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]))
"""World from camera of a level camera that looks along world +x."""


@pytest.fixture
def source() -> Annotated:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(100, 3))
    ids = np.repeat([0, 1, 2, -1], [40, 5, 30, 25])
    scene = scene_of(points, ids, LABELS, aligned=QUARTER_TURN)
    pitch = _rotated(
        np.array(
            [[1.0, 0, 0], [0, math.cos(0.3), -math.sin(0.3)], [0, math.sin(0.3), math.cos(0.3)]]
        )
    )
    poses = {
        "0": LOOKS_ALONG_X,
        "20": LOOKS_ALONG_X @ pitch,
        "40": np.full((4, 4), np.nan),
    }
    return Annotated(OneScan(scene, poses))


@pytest.fixture(scope="module")
def encoder() -> CloudEncoder:
    return CloudEncoder(
        model=random_uni3d(0, FEW_GROUPS), batch_size=8, precision=Precision.FLOAT32
    )


def _done(work):
    return work.encode(work.prepare(SCAN))


def test_small_objects_are_skipped_and_named(source, encoder):
    features = _done(plain_work(source, encoder))
    assert set(features.vectors) == {0, 2}
    assert features.skipped == {"fewer than 10 points": (1,)}
    assert features.vectors[0].dtype == torch.float32


def test_objects_beyond_the_limit_are_named(encoder):
    rng = np.random.default_rng(0)
    points, n = rng.normal(size=(102 * 10, 3)), 102
    scene = scene_of(points, np.repeat(np.arange(n), 10), ["thing"] * n)
    features = _done(plain_work(Annotated(OneScan(scene)), encoder))
    assert len(features.vectors) == 100
    assert features.skipped == {"beyond 100 objects": (100, 101)}


def test_every_bin_is_the_object_turned_the_other_way(source, encoder):
    plain, turned = _done(plain_work(source, encoder)), _done(yaw_work(source, encoder, 4))
    assert turned.vectors[0].dtype == torch.float16
    torch.testing.assert_close(turned.vectors[2][0].float(), plain.vectors[2], rtol=1e-3, atol=2e-3)
    (cloud,) = [c for c in encoder.clouds(source.read(SCAN)) if c.object_id == 2]
    for k, angle in enumerate((0, -90, -180, -270)):
        wanted = encoder([cloud.turned(yaw_rotation(math.radians(angle)))])[0]
        torch.testing.assert_close(turned.vectors[2][k].float(), wanted, rtol=1e-3, atol=2e-3)


def test_a_turn_about_z_is_counter_clockwise():
    np.testing.assert_allclose(yaw_rotation(math.pi / 2) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_the_ego_frame_is_forward_left_up(source):
    """The camera looks along world x, which is aligned y: that is forward."""
    rotation = ego_rotation(source.read(SCAN), source, "0", EgoFrame.CAMERA)
    np.testing.assert_allclose(rotation @ [0, 1, 0], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(rotation @ [0, 0, 1], [0, 0, 1], atol=1e-12)


def test_a_level_frame_ignores_pitch_and_equals_a_bin(source):
    objects = source.read(SCAN)
    level = ego_rotation(objects, source, "20", EgoFrame.LEVEL)
    pitched = ego_rotation(objects, source, "20", EgoFrame.CAMERA)
    assert np.abs(pitched - level).max() > 0.1
    np.testing.assert_allclose(level, yaw_rotation(-math.pi / 2), atol=1e-12)


def test_features_of_frames_are_those_of_turned_objects(source, encoder, tmp_path):
    made = write_frames(source, encoder, SCAN, ["0", "20"], out=tmp_path, ego_frame=EgoFrame.CAMERA)
    assert made == 2
    (cloud,) = [c for c in encoder.clouds(source.read(SCAN)) if c.object_id == 0]
    wanted = encoder([cloud.turned(yaw_rotation(-math.pi / 2))])[0].numpy()
    found = PoseFeatures(tmp_path, EgoFrame.CAMERA).of(SCAN, "0", [0, 1])
    np.testing.assert_allclose(found.values[0], wanted, atol=1e-5)
    assert found.found.tolist() == [True, False]
    pitched = PoseFeatures(tmp_path, EgoFrame.CAMERA).of(SCAN, "20", [0]).values[0]
    assert np.abs(pitched - wanted).max() > 1e-3


def test_frames_that_are_there_are_kept(source, encoder, tmp_path):
    write_frames(source, encoder, SCAN, ["0"], out=tmp_path, ego_frame=EgoFrame.CAMERA)
    made = write_frames(source, encoder, SCAN, ["0", "20"], out=tmp_path, ego_frame=EgoFrame.CAMERA)
    assert made == 1


@pytest.mark.parametrize(("frame", "complaint"), [("7", "frame '7'"), ("40", "rigid")])
def test_frames_without_a_pose_are_refused(source, encoder, tmp_path, frame, complaint):
    with pytest.raises(PoseAlignError, match=complaint):
        write_frames(source, encoder, SCAN, [frame], out=tmp_path, ego_frame=EgoFrame.CAMERA)


def test_a_scan_without_colours_is_refused(encoder):
    scene = scene_of(np.eye(3), np.zeros(3, int), ["chair"], colors=None)
    with pytest.raises(DataError, match="coloured points"):
        _done(plain_work(Annotated(OneScan(scene)), encoder))
