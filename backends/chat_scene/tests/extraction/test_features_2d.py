from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from scans import OneScan, scene_of

from posealign_chat_scene.extraction.cloud_batches import Precision
from posealign_chat_scene.extraction.dinov2 import encode_images
from posealign_chat_scene.extraction.dinov2_weights import random_dinov2
from posealign_chat_scene.extraction.features_2d import ImageEncoder, view_work
from posealign_chat_scene.extraction.frames import CameraChoice, FrameFolders
from posealign_chat_scene.extraction.objects import Annotated
from posealign_chat_scene.extraction.patches import ImageFit, fit_image
from posealign_core.errors import DataError
from posealign_core.geometry import Intrinsics

SCAN = "scene0000_00"
CAMERA = Intrinsics(320.0, 320.0, 320.0, 240.0, 640, 480)
BEHIND = np.diag([-1.0, 1, -1, 1])


def _corners(u0, v0, u1, v1, z=2.0):
    """World points that fall on the corners of a box of pixels for the camera at the origin."""
    return [[(u - 320) / 320 * z, (v - 240) / 320 * z, z] for u in (u0, u1) for v in (v0, v1)]


@pytest.fixture
def scan(tmp_path):
    """Object 0 in the left half of frame 0, object 1 hidden, object 2 behind the camera.

    Frame 20 looks the other way, at nothing; frame 40 sees what frame 0 sees, without depth; the
    pose of frame 60 was lost.
    """
    folder = tmp_path / SCAN
    rng = np.random.default_rng(0)
    for kind in ("color", "depth"):
        (folder / kind).mkdir(parents=True)
    for name in ("0", "20", "40", "60"):
        color = rng.integers(0, 256, (480, 640, 3), np.uint8)
        Image.fromarray(color).save(folder / "color" / f"{name}.png")
        Image.fromarray(np.full((480, 640), 2000, np.uint16)).save(folder / "depth" / f"{name}.png")
    (folder / "depth" / "40.png").unlink()
    points = (
        _corners(40, 60, 120, 180)
        + _corners(300, 60, 420, 180, z=5)
        + _corners(40, 60, 120, 180, z=-8)
    )
    scene = scene_of(points, np.repeat([0, 1, 2], 4), ["chair", "hidden", "behind"])
    poses = {"0": np.eye(4), "20": BEHIND, "40": np.eye(4), "60": np.full((4, 4), -np.inf)}
    return Annotated(OneScan(scene, poses, CAMERA)), tmp_path


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    return ImageEncoder(
        model=random_dinov2(0),
        fit=ImageFit.FULL_FRAME,
        batch_size=8,
        precision=Precision.FLOAT32,
    )


def _done(source, root, encoder):
    work = view_work(source, FrameFolders(source.dataset, CameraChoice.SCAN, root), encoder)
    return work.encode(work.prepare(SCAN))


def test_the_feature_is_the_mean_of_the_patches_under_the_object(scan, encoder):
    source, root = scan
    features = _done(source, root, encoder)
    with Image.open(root / SCAN / "color" / "0.png") as image:
        square = fit_image(np.asarray(image), ImageFit.FULL_FRAME)
    patches = encode_images(
        encoder.model, np.stack([square]), batch_size=1, precision=Precision.FLOAT32
    )
    wanted = patches[0, 2:6, 1:3].mean(dim=(0, 1))
    assert set(features.vectors) == {0}
    torch.testing.assert_close(features.vectors[0], wanted)


def test_objects_never_seen_and_frames_without_depth_are_counted(scan, encoder):
    features = _done(*scan, encoder)
    assert features.skipped == {"never seen": (1, 2)}
    assert features.counts == {
        "frames": 4,
        "frames without a valid pose": 1,
        "frames without depth": 1,
        "frames that show an object": 1,
        "views": 1,
    }


def test_a_scan_without_any_depth_is_refused(scan, encoder):
    source, root = scan
    for path in (root / SCAN / "depth").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="with valid poses and depth, found none among 4"):
        _done(source, root, encoder)


def test_a_scan_where_nothing_is_seen_has_no_features(scan, encoder):
    source, root = scan
    Image.fromarray(np.zeros((480, 640), np.uint16)).save(root / SCAN / "depth" / "0.png")
    features = _done(source, root, encoder)
    assert features.vectors == {}
    assert features.skipped == {"never seen": (0, 1, 2)}


def test_the_released_crop_gives_other_features(scan, encoder):
    cut = ImageEncoder(
        model=encoder.model, fit=ImageFit.RELEASED, batch_size=8, precision=Precision.FLOAT32
    )
    one, other = _done(*scan, encoder), _done(*scan, cut)
    assert not torch.allclose(one.vectors[0], other.vectors[0], atol=1e-3)
