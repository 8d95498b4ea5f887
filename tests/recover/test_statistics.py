"""Where targets lie in the world and in the ego frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from recover_scans import CAMERA, look_at, scene, table, trajectory

from posealign_core.recover import save_table, table_path
from posealign_core.recover.statistics import merge_statistics, scan_statistics
from posealign_core.structures import FrameCounts

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.structures import CameraTrajectory, Scene

MOVED = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
"""Takes z up to y up."""


class OneScan:
    """A data set of one scan in memory."""

    def __init__(self, scan: Scene, recorded: CameraTrajectory) -> None:
        self.scan, self.recorded = scan, recorded

    def scene(self, scene_id: str) -> Scene:
        return self.scan

    def trajectory(self, scene_id: str) -> CameraTrajectory:
        return self.recorded


@pytest.mark.parametrize("turn", [np.eye(3), MOVED], ids=["z up", "y up"])
def test_places_by_hand(tmp_path: Path, turn: np.ndarray) -> None:
    """Frame 1 sees object 4: it stands at (0, 0), faces +x, and the object is at (3, 1)."""
    up = turn @ [0.0, 0.0, 1.0]
    points = np.array([[3, 1, 0.5], [3, 1, 0.9], [-3, -1, 0.1], [-3, -1, 0.3]]) @ turn.T
    ids = np.array([4, 4, 7, 7])
    poses = np.stack([look_at([0, 0, 1], [-1, 0, 0.5]), look_at([0, 0, 1], [1, 0, 0.5])])
    poses[:, :3] = turn @ poses[:, :3]
    recorded = trajectory(poses)
    counts = FrameCounts(recorded=2, rejected=0, every=1, kept=2)
    saved = table([[0.0, 0, 0], [0.0, 0.5, 0]], [-1, 4, 7], trajectory=recorded, counts=counts)
    save_table(table_path(tmp_path, "room"), saved)
    dataset = OneScan(scene(points, ids, up=up), recorded)
    statistics = scan_statistics(dataset, tmp_path, "room")  # type: ignore[arg-type]
    assert statistics.n_selectable.tolist() == [1, 0]
    assert statistics.n_never_seen == 1
    np.testing.assert_allclose(statistics.ego_m, [[3, 1]], atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(statistics.world_m), np.hypot(3, 1))
    assert recorded.intrinsics == (CAMERA, CAMERA)
    both = merge_statistics([statistics, statistics])
    assert both.n_selectable.tolist() == [1, 0, 1, 0]
    assert len(both.counts) == len(both.ego_m) == len(both.world_m) == 2
