from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scans import OneScan, scene_of

from posealign_chat_scene.extraction.frames import (
    CameraChoice,
    FrameFolders,
    SensFrames,
    frame_source,
    resized_camera,
)
from posealign_core.datasets.scannet import ScanNet
from posealign_core.errors import DataError
from posealign_core.geometry import Intrinsics, is_rigid

SCAN = "scene0000_00"
CAMERA = Intrinsics(1000.0, 1100.0, 650.0, 480.0, 1296, 968)
LOST = np.full((4, 4), -np.inf)


@pytest.fixture
def exported(tmp_path):
    """Frames 0, 20, 100; the poses of 20 is lost."""
    folder = tmp_path / SCAN
    for kind in ("color", "depth"):
        (folder / kind).mkdir(parents=True)
    for i, name in enumerate(("0", "20", "100")):
        Image.new("RGB", (320, 240), (i, 0, 0)).save(folder / "color" / f"{name}.png")
        depth = np.full((240, 320), 1000 * (i + 1), np.uint16)
        Image.fromarray(depth).save(folder / "depth" / f"{name}.png")
    return tmp_path


def _frames(root, camera=CameraChoice.SCAN, poses=None):
    poses = {"0": np.eye(4), "20": LOST, "100": np.eye(4)} if poses is None else poses
    dataset = OneScan(scene_of([[0, 0, 0]]), poses, CAMERA)
    return list(FrameFolders(dataset, camera, root).read(SCAN))


def test_frames_come_by_number_at_one_size(exported):
    frames = _frames(exported)
    assert [frame.frame_id for frame in frames] == ["0", "20", "100"]
    assert frames[2].color.shape == (480, 640, 3)
    assert frames[2].color[0, 0].tolist() == [2, 0, 0]
    assert frames[2].depth.shape == (480, 640)
    assert np.unique(frames[2].depth).tolist() == [3.0]
    assert not np.isfinite(frames[1].world_from_camera).any()


def test_cameras_follow_the_size_of_the_image(exported):
    x, y = 640 / 1296, 480 / 968
    wanted = Intrinsics(1000 * x, 1100 * y, 650 * x, 480 * y, 640, 480)
    assert _frames(exported)[0].camera == wanted == resized_camera(CAMERA, 640, 480)


def test_the_released_camera_is_half_the_constant_one(exported):
    constant, released = (
        _frames(exported, choice)[0].camera
        for choice in (CameraChoice.CONSTANT, CameraChoice.RELEASED)
    )
    assert (constant.fx, constant.cx, constant.cy) == (577.870605, 319.5, 239.5)
    assert released.fx == released.fy == constant.fx / 2
    assert (released.cx, released.cy) == (159.5, 119.5)


def test_a_frame_without_depth_says_so(exported):
    (exported / SCAN / "depth" / "100.png").unlink()
    assert [frame.depth is None for frame in _frames(exported)] == [False, False, True]


def test_poses_beside_the_images_come_first(exported):
    folder = exported / SCAN / "pose"
    folder.mkdir()
    for name, z in (("0", 1), ("20", 2), ("100", 3)):
        pose = np.eye(4)
        pose[2, 3] = z
        np.savetxt(folder / f"{name}.txt", pose)
    heights = [frame.world_from_camera[2, 3] for frame in _frames(exported)]
    assert heights == [1, 2, 3]


def test_an_image_without_a_pose_is_refused(exported):
    with pytest.raises(DataError, match="a pose of frame 20"):
        _frames(exported, poses={"0": np.eye(4)})


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(DataError, match="found none"):
        _frames(tmp_path)


@pytest.mark.parametrize("kind", ["color", "depth"])
def test_damaged_images_are_refused(exported, kind):
    (exported / SCAN / kind / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"0\.png: damaged"):
        _frames(exported)


def test_depth_in_colours_is_refused(exported):
    Image.new("RGB", (320, 240)).save(exported / SCAN / "depth" / "0.png")
    with pytest.raises(DataError, match="one channel"):
        _frames(exported)


def test_a_stream_gives_the_frames_of_its_export(rooms):
    """Rooms are rendered to both; frame 0 of a stream is frame 0 of the folder."""
    dataset, scan = ScanNet(rooms), "scene0001_00"
    every = SensFrames(dataset, CameraChoice.SCAN, 20).read(scan)
    streamed = [frame for frame in every if is_rigid(frame.world_from_camera)]
    exported = list(FrameFolders(dataset, CameraChoice.SCAN, rooms / "images").read(scan))
    assert [f.frame_id for f in streamed] == [f.frame_id for f in exported]
    for one, other in zip(streamed, exported, strict=True):
        np.testing.assert_array_equal(one.color, other.color)
        np.testing.assert_allclose(one.depth, other.depth, atol=1e-6)
        np.testing.assert_allclose(one.world_from_camera, other.world_from_camera, atol=1e-5)
        assert one.camera.fx == pytest.approx(other.camera.fx, rel=1e-2)


def test_a_data_set_without_streams_wants_images(tmp_path):
    dataset = OneScan(scene_of([[0, 0, 0]]))
    with pytest.raises(DataError, match="--images"):
        frame_source(dataset, CameraChoice.SCAN, None, 20)
    assert isinstance(frame_source(dataset, CameraChoice.SCAN, tmp_path, 20), FrameFolders)
