from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from posealign_core.errors import DataError, PoseAlignWarning, ShapeError
from posealign_core.structures import GenerationOptions
from posealign_core.testing.toy_scenes import toy_scene, world_from_room
from posealign_core.vocabulary import AlignMode
from posealign_ll3da.encode.clouds import Clouds
from posealign_ll3da.encode.placement import Placement
from posealign_ll3da_sonata.backbone import SonataBackbone
from posealign_ll3da_sonata.config import VoxelConfig
from posealign_ll3da_sonata.encode.clouds import clouds_of, concatenated, voxelize
from posealign_ll3da_sonata.encode.encoder import SonataEncoder

from .samples import batch_of, sample_of, tiny

HERE = Placement(np.eye(4))


def voxels(sample, placement=HERE, **settings):
    config = VoxelConfig(**{"n_points": 300, "voxel_m": 0.1, **settings})
    return voxelize(sample, placement, config, np.random.default_rng(0))


def plain(sample, **settings):
    config = VoxelConfig(**{"n_points": 0, "voxel_m": 0.1, **settings})
    clouds = Clouds(config, lambda s, p, rng: voxelize(s, p, config, rng))
    return clouds.plain(sample, np.random.default_rng(0))


def test_nine_channels_by_hand():
    sample = sample_of()
    cloud, scene = plain(sample), sample.scene
    room = world_from_room().inverse().apply(scene.points)
    assert np.allclose(cloud.xyz, room[cloud.rows], atol=1e-5)
    low, high = room.min(axis=0), room.max(axis=0)
    shift = [*(low[:2] + high[:2]) / 2, low[2]]
    assert np.allclose(cloud.features[:, :3], room[cloud.rows] - shift, atol=1e-5)
    assert np.allclose(cloud.features[:, 3:6], scene.colors[cloud.rows] / 255, atol=1e-6)
    assert np.allclose(cloud.features[:, 6:], [0, 0, 1], atol=1e-6)
    assert len(torch.unique(cloud.cells, dim=0)) == len(cloud.cells)


def test_an_ego_scene_keeps_the_asker_at_the_origin_and_its_normals_turn():
    sample = sample_of(AlignMode.TRANSFORM)
    cloud = plain(sample)
    assert torch.equal(cloud.features[:, :3], cloud.xyz)
    assert (cloud.xyz < 0).any()
    assert (cloud.cells >= 0).all()
    assert np.allclose(cloud.features[:, 6:], sample.scene.up, atol=1e-6)
    centred = plain(sample, ego_shift="xyz").features[:, :3]
    assert float((centred.amin(0) + centred.amax(0))[:2].abs().max()) < 0.2


def test_missing_normals_are_estimated_towards_the_camera_and_said():
    floor = np.stack([*np.meshgrid(np.arange(20) / 10, np.arange(20) / 10)], -1).reshape(-1, 2)
    points = np.concatenate([floor, np.full((400, 1), -1.5)], axis=1)
    sample = sample_of(AlignMode.TRANSFORM)
    scene = replace(
        sample.scene, points=points, colors=None, normals=None, instance_ids=None,
        superpoint_ids=None,
    )  # fmt: skip
    bare = replace(sample, scene=scene)
    with pytest.warns(PoseAlignWarning, match="no normals; they are estimated from 16"):
        cloud = voxels(bare, colors=False)
    camera = sample.pose.reference_from_camera.matrix[:3, 3]
    assert camera[2] > -1.5
    assert np.allclose(cloud.features[:, 6:], [0, 0, 1], atol=1e-5)


@pytest.mark.parametrize("part", ["colors", "normals"])
def test_zeros_are_fed_with_a_warning(part: str):
    sample = sample_of(scene=replace(toy_scene(), **{part: None}))
    with pytest.warns(PoseAlignWarning, match="zeros are fed"):
        cloud = voxels(sample, normals="given")
    columns = slice(3, 6) if part == "colors" else slice(6, 9)
    assert not cloud.features[:, columns].any()


def test_dropped_normals_are_zeros_without_a_word():
    assert not voxels(sample_of(), normals="drop").features[:, 6:].any()


def test_negative_coordinates_change_cells_by_nothing():
    sample = sample_of()
    moved = np.eye(4)
    moved[:3, 3] = -100.0
    near, far = voxels(sample), voxels(sample, Placement(moved))
    assert (far.xyz < 0).all()
    assert (far.cells >= 0).all()
    assert abs(len(far.cells) - len(near.cells)) < 0.1 * len(near.cells)


def test_one_point_is_answered():
    scene = toy_scene()
    parts = {name: getattr(scene, name) for name in ("points", "colors", "instance_ids")}
    one = replace(
        scene, **{name: p[:1] for name, p in parts.items()}, normals=None, superpoint_ids=None
    )
    with pytest.warns(PoseAlignWarning, match="no normals, and zeros are fed"):
        batch = batch_of(SonataEncoder(tiny()), sample_of(scene=one))
    backbone = SonataBackbone(tiny()).eval()
    tokens = backbone.encoded(batch)
    assert tokens.valid.sum() == 1
    assert torch.isfinite(tokens.tokens).all()
    assert len(backbone.generate(batch, GenerationOptions(max_new_tokens=2))) == 1


def test_a_scene_beyond_the_reach_of_the_curves_is_refused():
    scene = toy_scene()
    points = scene.points.copy()
    points[0] += 0.1 * 2**17
    encoder = SonataEncoder(tiny(**{"cloud.n_points": 0}))
    batch = batch_of(encoder, sample_of(scene=replace(scene, points=points)))
    with pytest.raises(ShapeError, match="below 65535"):
        SonataBackbone(tiny()).eval().encoded(batch)


def test_coordinates_that_are_not_finite_are_refused():
    scene = toy_scene()
    points = scene.points.copy()
    points[3, 1] = np.nan
    with pytest.raises(DataError, match="1 points that are not finite"):
        voxels(replace(sample_of(), scene=replace(sample_of().scene, points=points)))


def test_batches_of_other_sizes_come_apart_again():
    clouds = [voxels(sample_of(), n_points=n) for n in (40, 300, 7)]
    batch = concatenated([cloud.tensors() for cloud in clouds])
    assert batch["counts"] == [len(cloud.xyz) for cloud in clouds]
    some = clouds_of(batch, [2, 0])
    assert some.counts == (len(clouds[2].xyz), len(clouds[0].xyz))
    assert torch.equal(some.features, torch.cat([clouds[2].features, clouds[0].features]))
    assert clouds_of(batch).counts == tuple(batch["counts"])
