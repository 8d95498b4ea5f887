"""The generic format holds a real capture: Y up, rolled cameras, a lens per view, turned boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from aria_folder import CAPTURE, SCENE, write_aria_folder

from posealign_core.datasets.generic import Generic
from posealign_core.datasets.verify import verify_dataset

if TYPE_CHECKING:
    from posealign_core.structures import CameraTrajectory, Scene

pytestmark = pytest.mark.skipif(not CAPTURE.is_file(), reason=f"no real capture at {CAPTURE}")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Generic:
    root = tmp_path_factory.mktemp("aria")
    write_aria_folder(root)
    return Generic(root)


@pytest.fixture(scope="module")
def scene(dataset: Generic) -> Scene:
    return dataset.scene(SCENE)


@pytest.fixture(scope="module")
def trajectory(dataset: Generic) -> CameraTrajectory:
    return dataset.trajectory(SCENE)


def test_it_verifies(dataset: Generic) -> None:
    assert verify_dataset(dataset, ["test"], jobs=1) == []


def test_it_is_all_there(scene: Scene, trajectory: CameraTrajectory) -> None:
    assert len(scene) == 138_630
    np.testing.assert_array_equal(scene.up, [0, 1, 0])
    assert scene.objects is not None
    assert len(scene.objects) == 81
    sizes = {(camera.width, camera.height) for camera in trajectory.intrinsics}
    assert sizes == {(704, 704), (640, 480)}
    assert len({camera.fx for camera in trajectory.intrinsics}) > 1


def test_labelled_points_lie_in_their_own_box(scene: Scene) -> None:
    assert scene.objects is not None
    assert scene.objects.corners is not None
    assert scene.instance_ids is not None
    inside = total = 0
    for object_id, corners in zip(scene.objects.object_ids, scene.objects.corners, strict=True):
        points = scene.points[scene.instance_ids == object_id] - corners[0]
        edges = corners[[1, 2, 4]] - corners[0]
        length = np.linalg.norm(edges, axis=1)
        along = points @ (edges / length[:, None]).T
        inside += int(((along > -0.02) & (along < length + 0.02)).all(axis=1).sum())
        total += len(points)
    assert total > 138_000
    assert inside / total > 0.9999


def test_points_project_onto_the_pixels_that_they_came_from(
    scene: Scene, trajectory: CameraTrajectory
) -> None:
    with np.load(CAPTURE, allow_pickle=False) as capture:
        source = capture["src"]
        depths = [capture[f"depth{view}"] / 1000 for view in range(6)]
    for view, depth in enumerate(depths):
        points = trajectory.pose(view).inverse().apply(scene.points[source == view])
        camera = trajectory.intrinsics[view]
        assert depth.shape == (camera.height, camera.width)
        u = np.rint(camera.fx * points[:, 0] / points[:, 2] + camera.cx).astype(int)
        v = np.rint(camera.fy * points[:, 1] / points[:, 2] + camera.cy).astype(int)
        np.testing.assert_allclose(points[:, 2], depth[v, u], atol=2e-3)


def test_the_cameras_are_rolled_by_a_quarter_turn(trajectory: CameraTrajectory) -> None:
    right = trajectory.world_from_camera[:, :3, 0]
    assert (np.abs(right[:, 1]) > 0.5).any(), "image right points up or down in some view"
