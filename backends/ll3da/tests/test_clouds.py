from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posealign_core.errors import DataError
from posealign_core.testing.toy_scenes import toy_scene, world_from_room
from posealign_core.vocabulary import AlignMode, Fidelity
from posealign_ll3da.config import CloudConfig
from posealign_ll3da.encode.clouds import Clouds, make_cloud

from .samples import sample_of


def clouds_with(config):
    return Clouds(config, lambda sample, placement, rng: make_cloud(sample, placement, config, rng))


def plain(sample, *, seed=0, **settings):
    clouds = clouds_with(CloudConfig(**{"n_points": 300, **settings}))
    return clouds.plain(sample, np.random.default_rng(seed))


def test_channels_by_hand():
    sample = sample_of()
    cloud = plain(sample)
    scene, rows = sample.scene, cloud.rows
    room = world_from_room().inverse().apply(scene.points)
    assert np.allclose(cloud.xyz, room[rows], atol=1e-5)
    colors = (scene.colors[rows].astype(float) - [109.8, 97.2, 83.8]) / 256
    assert np.allclose(cloud.channels[:, :3], colors, atol=1e-6)
    assert np.allclose(cloud.channels[:, 3:6], [0, 0, 1], atol=1e-6)
    floor = np.quantile(room[:, 2], 0.0099)
    assert np.allclose(cloud.channels[:, 6], room[rows, 2] - floor, atol=1e-5)


def test_the_quantile_is_nearly_the_minimum():
    scene = toy_scene()
    points = scene.points.copy()
    points[:, 2] = np.arange(len(points))
    cloud = plain(sample_of(scene=replace(scene, points=points)))
    rank = 0.0099 * (len(points) - 1)
    assert np.allclose(cloud.channels[:, 6], cloud.rows - rank, atol=1e-3)


def test_height_is_along_gravity_in_a_tilted_ego_frame():
    sample = sample_of(AlignMode.TRANSFORM)
    here, there = plain(sample), plain(sample_of())
    assert np.array_equal(here.rows, there.rows)
    assert np.allclose(here.channels[:, 6], there.channels[:, 6], atol=1e-5)
    literal = plain(sample, height="z").channels[:, 6]
    assert float((literal - here.channels[:, 6]).abs().max()) > 0.2


def test_normals_turn_with_the_cloud_or_stay_raw():
    sample = sample_of(AlignMode.TRANSFORM)
    turned = plain(sample).channels[:, 3:6]
    assert np.allclose(turned, sample.scene.up, atol=1e-6)
    raw = plain(sample, normals=Fidelity.RELEASED).channels[:, 3:6]
    assert np.allclose(raw, [0, 0, 1], atol=1e-6)


@pytest.mark.parametrize(("n_points", "repeats"), [(300, False), (900, True)])
def test_points_repeat_only_where_there_are_too_few(n_points: int, repeats: bool):
    cloud = plain(sample_of(), n_points=n_points)
    assert len(cloud.xyz) == n_points
    assert (len(set(cloud.rows.tolist())) < n_points) is repeats


def test_the_sample_of_a_scan_is_always_the_same_unless_released():
    one, other = (plain(sample_of(), seed=seed).rows for seed in (1, 2))
    assert np.array_equal(one, other)
    released = (plain(sample_of(), seed=s, sampling=Fidelity.RELEASED).rows for s in (1, 2))
    assert not np.array_equal(*released)


def test_one_place_is_sampled_once_and_not_pickled():
    clouds, sample = clouds_with(CloudConfig(n_points=50)), sample_of()
    rng = np.random.default_rng(0)
    assert clouds.plain(sample, rng) is clouds.plain(sample, rng)
    assert not clouds.__getstate__()["_kept"]
    assert clouds.training(sample, rng).xyz is not clouds.training(sample, rng).xyz


@pytest.mark.parametrize("part", ["points", "normals"])
def test_what_is_not_finite_is_refused(part: str):
    scene = toy_scene()
    values = getattr(scene, part).copy()
    values[3:5] = np.nan
    with pytest.raises(DataError, match=f"2 {part} that are not finite"):
        plain(sample_of(scene=replace(scene, **{part: values})))


def test_an_empty_scan_is_refused():
    with pytest.raises(DataError, match="found 0 points"):
        plain(sample_of(scene=toy_scene(n_objects=0, background=False)))
