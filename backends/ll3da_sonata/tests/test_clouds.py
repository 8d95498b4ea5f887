"""From scans, good and bad, to the encoder's input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from encoders import toy_encoder

from posealign_core.errors import PoseAlignWarning, ShapeError
from posealign_ll3da_sonata.ptv3 import CloudOptions, collate, make_cloud


def box(n=200, seed=0):
    """Points, colours and normals of a made-up scan."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-1, 2, -0.5], [1.5, 4, 1.0], (n, 3))
    normals = rng.normal(size=(n, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return points, rng.integers(0, 256, (n, 3)).astype(np.uint8), normals


def test_channels_by_hand():
    points = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 3.5], [1.001, 2.001, 3.001]])
    colors = np.array([[0, 51, 255], [255, 0, 0], [9, 9, 9]])
    normals = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    cloud = make_cloud(points, colors, normals)
    assert cloud.shift_m.tolist() == [1.5, 3.0, 3.0]
    rows = cloud.rows.tolist()
    assert sorted(rows) == [0, 1]
    expected = {
        0: [-0.5, -1.0, 0.0, 0.0, 0.2, 1.0, 0.0, 0.0, 1.0],
        1: [0.5, 1.0, 0.5, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
    }
    torch.testing.assert_close(cloud.features, torch.tensor([expected[row] for row in rows]))
    assert torch.equal(cloud.coords, cloud.features[:, :3])
    cells = {0: [0, 0, 0], 1: [50, 100, 25]}
    assert cloud.cells.tolist() == [cells[row] for row in rows]
    assert cloud.point_to_voxel.tolist() == [rows.index(0), rows.index(1), rows.index(0)]


@pytest.mark.parametrize("shift", ["xyz", "z", "none"])
def test_shift(shift):
    points, colors, normals = box()
    cloud = make_cloud(points, colors, normals, options=CloudOptions(shift=shift))
    low, high = points.min(axis=0), points.max(axis=0)
    middle = (low + high) / 2
    wanted = {"xyz": [middle[0], middle[1], low[2]], "z": [0, 0, low[2]], "none": [0, 0, 0]}
    np.testing.assert_allclose(cloud.shift_m, wanted[shift], atol=1e-6)
    back = (cloud.coords + cloud.shift_m).numpy()
    np.testing.assert_allclose(back, points[cloud.rows], atol=1e-6)


def test_the_caller_keeps_its_arrays():
    points, colors, normals = box()
    before = [array.copy() for array in (points, colors, normals)]
    make_cloud(points.astype(np.float32), colors, normals)
    make_cloud(points, colors, normals)
    for array, copy in zip((points, colors, normals), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_whole_numbers_are_coordinates_too():
    cloud = make_cloud(np.array([[0, 0, 0], [2, 0, 1]]), np.zeros((2, 3)), np.ones((2, 3)))
    assert sorted(cloud.coords.tolist()) == [[-1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]


def test_normals_are_estimated_towards_the_viewpoint():
    x, y = np.meshgrid(np.arange(10) * 0.02, np.arange(10) * 0.02)
    floor = np.stack([x.ravel(), y.ravel(), np.zeros(100)], axis=1)
    colors = np.zeros((100, 3))
    for height in (2.0, -2.0):
        viewpoint = np.array([0.1, 0.1, height])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            cloud = make_cloud(floor, colors, viewpoint_m=viewpoint)
        wanted = torch.tensor([0.0, 0.0, np.sign(height)], dtype=torch.float32)
        torch.testing.assert_close(cloud.features[:, 6:], wanted.expand(len(cloud.rows), 3))


def test_without_a_viewpoint_normals_look_into_the_room():
    points, colors, _ = box(2000)
    points[:, 2] = np.where(np.arange(2000) % 2 == 0, -0.5, 1.0)
    cloud = make_cloud(points, colors)
    floor = cloud.coords[:, 2] == 0
    assert (cloud.features[floor, 8] > 0.9).all()
    assert (cloud.features[~floor, 8] < -0.9).all()


def test_dropped_channels_are_zero_without_a_warning():
    points, colors, normals = box()
    options = CloudOptions(colors=False, normals="drop")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cloud = make_cloud(points, colors, normals, options=options)
    assert not cloud.features[:, 3:].any()
    assert cloud.features[:, :3].any()


def test_no_colour_warns():
    points, _, normals = box()
    with pytest.warns(PoseAlignWarning, match="no colours, and zeros are fed"):
        cloud = make_cloud(points, None, normals)
    assert not cloud.features[:, 3:6].any()
    assert cloud.features[:, 6:].any()


def test_no_normals_warn_where_none_are_estimated():
    points, colors, _ = box()
    with pytest.warns(PoseAlignWarning, match="no normals, and zeros are fed"):
        cloud = make_cloud(points, colors, options=CloudOptions(normals="given"))
    assert not cloud.features[:, 6:].any()


def test_one_point():
    """It has no surroundings to take a normal from; the encoder answers all the same."""
    with pytest.warns(PoseAlignWarning, match="no normals"):
        cloud = make_cloud(np.array([[3.0, -4.0, 5.0]]), np.full((1, 3), 255))
    assert cloud.features.tolist() == [[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]]
    with torch.no_grad():
        stages = toy_encoder()(collate([cloud]))
    assert stages[-1].points.features.shape == (1, 64)
    assert torch.isfinite(stages[-1].points.features).all()


def test_negative_coordinates():
    """Cells count from the least one, wherever the scan lies."""
    points, colors, normals = box()
    options = CloudOptions(shift="none")
    cloud = make_cloud(points - 7, colors, normals, options=options)
    assert (cloud.coords < 0).all()
    assert cloud.cells.amin(0).tolist() == [0, 0, 0]
    with torch.no_grad():
        assert torch.isfinite(toy_encoder()(collate([cloud]))[0].points.features).all()


def test_a_scene_larger_than_the_curves():
    """Two points 1.4 km apart: more than 2**16 voxels of 2 cm."""
    points = np.array([[0.0, 0.0, 0.0], [1400.0, 0.0, 0.0]])
    cloud = make_cloud(points, np.zeros((2, 3)), np.ones((2, 3)))
    with pytest.raises(ShapeError, match=r"depth 17\).*remove far outliers"):
        toy_encoder()(collate([cloud]))


def test_batches_of_mixed_sizes():
    """Clouds far apart in size share a batch; each keeps the features it has alone."""
    clouds = [make_cloud(*box(n, seed)) for n, seed in ((1, 0), (300, 1), (20, 2))]
    encoder = toy_encoder(depth_per_sample=True)
    with torch.no_grad():
        stages = encoder(collate(clouds))
        alone = [encoder(collate([cloud])) for cloud in clouds]
    for s, stage in enumerate(stages):
        parts = stage.points.features.split(stage.points.counts)
        for part, own in zip(parts, alone, strict=True):
            torch.testing.assert_close(part, own[s].points.features, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"points": np.zeros((0, 3))}, r"found \(0, 3\)"),
        ({"points": np.full((200, 3), np.inf)}, "finite points, found 200 rows"),
        ({"colors": np.zeros((199, 3))}, r"wanted colors .* found \(199, 3\)"),
        ({"normals": np.full((200, 3), np.nan)}, "finite normals, found 200 rows"),
    ],
)
def test_refuses(replaced, message):
    given = dict(zip(("points", "colors", "normals"), box(), strict=True)) | replaced
    with pytest.raises(ShapeError, match=message):
        make_cloud(**given)


def test_an_empty_batch():
    with pytest.raises(ShapeError, match="one cloud at least"):
        collate([])
