"""Visibility on a real capture, against its measured depth and instance labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from aria_folder import CAPTURE, SCENE, write_aria_folder
from scipy.spatial.transform import Rotation

from posealign_core.datasets.generic import Generic
from posealign_core.geometry import Intrinsics
from posealign_core.recover import RecoverSettings, recover_scene, visibility_scores

pytestmark = pytest.mark.skipif(
    not CAPTURE.is_file(), reason=f"no real capture at {CAPTURE}; set POSEALIGN_REAL_DATA"
)
VOXEL_M = 0.02
ENGINES = ["numpy", "numba"]


@dataclass(frozen=True, eq=False)
class Capture:
    """The capture at 2 cm: the first point of each voxel.

    Attributes:
        reference: (V, K) share of each object's points that a camera sees by measured depth (within
            2 cm + 1 %) and instance label, at the pixel whose middle is nearest.
    """

    points: np.ndarray
    ids: np.ndarray
    poses: np.ndarray
    cameras: list[Intrinsics]
    object_ids: np.ndarray
    reference: np.ndarray

    def figures(self, scores: np.ndarray, ids: np.ndarray) -> tuple[float, float]:
        """Pearson with the reference, and share of objects whose best camera is right (95 %)."""
        ours = scores[:, np.searchsorted(ids, self.object_ids)]
        pearson = np.corrcoef(ours.ravel(), self.reference.ravel())[0, 1]
        chosen = self.reference[ours.argmax(axis=0), np.arange(len(self.object_ids))]
        return float(pearson), float((chosen >= 0.95 * self.reference.max(axis=0)).mean())


@pytest.fixture(scope="module")
def capture() -> Capture:
    with np.load(CAPTURE, allow_pickle=False) as archive:
        data = dict(archive)
    voxels = np.floor(data["coord"].astype(np.float64) / VOXEL_M).astype(int)
    first = np.unique(voxels, axis=0, return_index=True)[1]
    points, ids = data["coord"][first].astype(np.float64), data["instance"][first].astype(np.int64)
    found, counts = np.unique(ids, return_counts=True)
    object_ids = found[(counts >= 20) & (found >= 0)]
    shapes = [data[f"depth{view}"].shape for view in range(6)]
    cameras = [
        Intrinsics.from_matrix(matrix, width, height)
        for matrix, (height, width) in zip(data["Ks"], shapes, strict=True)
    ]
    seen = [
        _measured(points, ids, data["poses"][v], cameras[v], data[f"depth{v}"], data[f"seg{v}"])
        for v in range(6)
    ]
    reference = np.array([[view[ids == one].mean() for one in object_ids] for view in seen])
    return Capture(points, ids, data["poses"], cameras, object_ids, reference)


def _measured(
    points: np.ndarray,
    ids: np.ndarray,
    pose: np.ndarray,
    camera: Intrinsics,
    depth_mm: np.ndarray,
    labels: np.ndarray,
) -> np.ndarray:
    x, y, z = (np.linalg.inv(pose) @ np.column_stack([points, np.ones(len(points))]).T)[:3]
    u = np.round(camera.fx * x / z + camera.cx)
    v = np.round(camera.fy * y / z + camera.cy)
    inside = (z > 0) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    row, column = (np.where(inside, c, 0).astype(int) for c in (v, u))
    depth = depth_mm[row, column] / 1000
    fits = (depth > 0) & (np.abs(z - depth) <= 0.02 + 0.01 * depth)
    return inside & fits & (labels[row, column] == ids)


def test_the_reference_is_the_documented_one(capture: Capture) -> None:
    """79 objects, mean share 0.591 (visibility spec, B)."""
    assert len(capture.object_ids) == 79
    assert capture.reference.mean() == pytest.approx(0.591, abs=0.001)


@pytest.mark.parametrize("engine", ENGINES)
def test_surface(capture: Capture, engine: str) -> None:
    scores, ids = visibility_scores(
        capture.points, capture.ids, capture.poses, capture.cameras, engine=engine
    )
    pearson, best_right = capture.figures(scores, ids)
    assert pearson >= 0.95
    assert best_right >= 0.91


@pytest.mark.parametrize("engine", ENGINES)
def test_released(capture: Capture, engine: str) -> None:
    """Its documented figures: Pearson 0.451, best camera right 0.785."""
    scores, ids = visibility_scores(
        capture.points,
        capture.ids,
        capture.poses,
        capture.cameras,
        rule="released",
        engine=engine,
    )
    pearson, best_right = capture.figures(scores, ids)
    assert pearson == pytest.approx(0.451, abs=0.005)
    assert best_right == pytest.approx(0.785, abs=0.02)


@pytest.mark.parametrize("rule", ["surface", "released"])
def test_engines_agree(capture: Capture, rule: str) -> None:
    scores = [
        visibility_scores(
            capture.points, capture.ids, capture.poses, capture.cameras, rule=rule, engine=engine
        )[0]
        for engine in ENGINES
    ]
    np.testing.assert_array_equal(scores[0], scores[1])


def test_a_common_rigid_motion_changes_nothing(capture: Capture) -> None:
    before, _ = visibility_scores(capture.points, capture.ids, capture.poses, capture.cameras)
    moved_from_world = np.eye(4)
    moved_from_world[:3, :3] = Rotation.from_euler("xyz", [0.4, -1.1, 2.0]).as_matrix()
    moved_from_world[:3, 3] = [3.0, -2.0, 7.0]
    after, _ = visibility_scores(
        capture.points @ moved_from_world[:3, :3].T + moved_from_world[:3, 3],
        capture.ids,
        moved_from_world @ capture.poses,
        capture.cameras,
    )
    assert np.abs(before - after).max() <= 0.01  # a point on the edge of a pixel may change sides


def test_recover_through_the_generic_format(capture: Capture, tmp_path: object) -> None:
    write_aria_folder(tmp_path)  # type: ignore[arg-type]
    dataset = Generic(tmp_path)  # type: ignore[arg-type]
    scan, recorded = dataset.scene(SCENE), dataset.trajectory(SCENE)
    table = recover_scene(scan, recorded, RecoverSettings(every=1))
    assert (table.rule, len(table.trajectory)) == ("surface", 6)
    scores = table.scores[:, np.searchsorted(table.object_ids, capture.object_ids)]
    assert np.corrcoef(scores.ravel(), capture.reference.ravel())[0, 1] >= 0.95
    boxes = recover_scene(scan, recorded, RecoverSettings(every=1, rule="box"))
    in_view = boxes.scores[:, np.searchsorted(boxes.object_ids, capture.object_ids)]
    assert np.corrcoef(in_view.ravel(), capture.reference.ravel())[0, 1] >= 0.8
