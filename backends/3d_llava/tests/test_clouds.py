"""The transform lists of section 1.4 end to end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posealign_3d_llava.encode.clouds import Clouds
from posealign_core.align.stated_pose import stated_pose
from posealign_core.errors import DataError
from posealign_core.geometry import SCANNET_CONSTANT
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import AlignMode, Fidelity, TaskKind

from .samples import sample_of


def middle(points: np.ndarray) -> np.ndarray:
    return (points.min(0) + points.max(0)) / 2


def grid(cloud) -> np.ndarray:
    return cloud.voxels[cloud.point_to_voxel].numpy()


def made(sample, seed: int = 0):
    kept = np.ones(len(sample.scene), dtype=bool)
    return Clouds(0.02).make(sample, kept, train=True, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("kind", [TaskKind.ANSWER, TaskKind.CAPTION])
def test_plain_evaluation_of_text_tasks_aligns_and_centres(kind: TaskKind):
    scene = toy_scene()
    points = scene.aligned_from_world.apply(scene.points)
    points = points - [*middle(points)[:2], points[:, 2].min()]
    cloud = Clouds(0.02).plain(sample_of(kind=kind)).cloud
    np.testing.assert_allclose(cloud.coords.numpy(), points, atol=1e-6)
    cells = np.floor(points / 0.02 - (points / 0.02).min(0)).astype(int)
    np.testing.assert_array_equal(grid(cloud), cells)
    np.testing.assert_allclose(cloud.colors.numpy(), scene.colors / 127.5 - 1, atol=1e-6)


def test_plain_evaluation_of_referring_centres_in_float32_without_alignment():
    scene = toy_scene()
    points = scene.points.astype(np.float32)
    points = points - np.array([*middle(points)[:2], points[:, 2].min()], dtype=np.float32)
    cells = points / np.float32(0.02)
    cloud = Clouds(0.02).plain(sample_of(kind=TaskKind.GROUND)).cloud
    np.testing.assert_array_equal(grid(cloud), (cells - cells.min(0)).astype(int))
    np.testing.assert_allclose(cloud.coords.numpy(), points, atol=1e-6)


@pytest.mark.parametrize("kind", list(TaskKind))
def test_transform_mode_takes_the_ego_frame_as_it_is(kind: TaskKind):
    sample = sample_of(AlignMode.TRANSFORM, kind=kind)
    cloud = Clouds(0.02).plain(sample).cloud
    np.testing.assert_allclose(cloud.coords.numpy(), sample.scene.points, atol=1e-6)
    cells = sample.scene.points / 0.02
    np.testing.assert_array_equal(grid(cloud), (cells - cells.min(0)).astype(int))


def test_correct_transform_training_only_drops_and_shuffles():
    sample = sample_of(AlignMode.TRANSFORM, kind=TaskKind.GROUND)
    sizes = set()
    for seed in range(12):
        placed = made(sample, seed)
        np.testing.assert_allclose(
            placed.cloud.coords.numpy(), sample.scene.points[placed.rows], atol=1e-6
        )
        sizes.add(len(placed.rows))
    assert sizes == {440, 352}
    assert not np.array_equal(placed.rows, np.sort(placed.rows))


def test_released_transform_training_scales_and_shifts_without_a_turn():
    sample = sample_of(AlignMode.TRANSFORM, kind=TaskKind.GROUND, fidelity=Fidelity.RELEASED)
    placed = made(sample, 3)
    before, after = sample.scene.points[placed.rows], placed.cloud.coords.numpy()
    scales = np.ptp(after, axis=0) / np.ptp(before, axis=0)
    np.testing.assert_allclose(scales, scales[0], rtol=1e-4)
    assert 0.8 < scales[0] < 1.2
    assert abs(scales[0] - 1) > 1e-3


def test_elastic_distortion_moves_cells_but_not_coordinates():
    sample = sample_of(kind=TaskKind.GROUND)
    moved = []
    for seed in range(8):
        placed = made(sample, seed)
        coords = placed.cloud.coords.numpy().astype(np.float64) / 0.02
        regular = (coords - coords.min(0)).astype(int)
        moved.append(np.abs(grid(placed.cloud) - regular).max() > 1)
    assert 0 < sum(moved) < 8


def test_dropout_leaves_some_of_what_must_stay():
    sample = sample_of(AlignMode.TRANSFORM)
    kept = np.zeros(len(sample.scene), dtype=bool)
    kept[7] = True
    for seed in range(20):
        placed = Clouds(0.02).make(sample, kept, train=True, rng=np.random.default_rng(seed))
        assert 7 in placed.rows


def test_superpoints_are_numbered_anew_after_dropout():
    ids = 10 * np.arange(440)
    sample = sample_of(AlignMode.TRANSFORM, scene=replace(toy_scene(), superpoint_ids=ids))
    placed = next(p for p in (made(sample, s) for s in range(9)) if len(p.rows) < 440)
    superpoints = placed.cloud.superpoint_ids.numpy()
    assert sorted(superpoints) == list(range(352))
    np.testing.assert_array_equal(np.argsort(superpoints), np.argsort(ids[placed.rows]))


def test_a_cloud_without_augmentation_is_made_once():
    clouds, scene = Clouds(0.02), toy_scene()
    first = clouds.plain(sample_of(scene=scene)).cloud
    assert clouds.plain(sample_of(scene=scene)).cloud is first
    assert clouds.plain(sample_of(scene=scene, kind=TaskKind.GROUND)).cloud is not first
    assert clouds.plain(sample_of(AlignMode.TRANSFORM, scene=scene)).cloud is not first


@pytest.mark.parametrize("kind", list(TaskKind))
def test_the_correct_pose_sees_the_cloud_as_the_camera_saw_the_scene(kind: TaskKind):
    sample = sample_of(AlignMode.EMBED, kind=kind)
    seen = sample.pose.reference_from_camera.inverse().apply(sample.scene.points)
    for placed in (Clouds(0.02).plain(sample), made(sample, 4)):
        pose = stated_pose(sample, placed.input_from_camera)
        again = pose.reference_from_camera.inverse().apply(placed.cloud.coords.numpy())
        rows = seen[placed.rows]
        scale = np.linalg.norm(again) / np.linalg.norm(rows)
        np.testing.assert_allclose(again, scale * rows, atol=1e-5)


def test_the_released_pose_stays_behind_and_has_one_camera():
    sample = sample_of(AlignMode.EMBED, AlignMode.TRANSFORM, fidelity=Fidelity.RELEASED)
    pose = stated_pose(sample, made(sample).input_from_camera)
    recorded = sample_of(AlignMode.EMBED).pose.reference_from_camera.matrix
    np.testing.assert_allclose(pose.reference_from_camera.matrix, recorded, atol=1e-9)
    assert pose.intrinsics == SCANNET_CONSTANT
    assert stated_pose(sample_of(AlignMode.TRANSFORM), recorded) is None


def test_points_that_are_not_finite():
    scene = toy_scene()
    broken = replace(scene, points=np.where(np.arange(440)[:, None] == 3, np.nan, scene.points))
    with pytest.raises(DataError, match="440 points, 1 not finite"):
        Clouds(0.02).plain(sample_of(scene=broken))
