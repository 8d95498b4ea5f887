"""What a set of visibility tables offers to choose from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.align.ego_frame import ego_from_reference
from posealign_core.recover.store import load_table, table_path
from posealign_core.structures import EgoPose
from posealign_core.vocabulary import EgoFrame, PoseSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.datasets.base import Dataset
    from posealign_core.structures import FrameCounts, Scene, VisibilityTable

__all__ = ["TableStatistics", "merge_statistics", "scan_statistics"]


@dataclass(frozen=True, kw_only=True, eq=False)
class TableStatistics:
    """Statistics of one or more tables; objects are those with ids of at least 0.

    Attributes:
        counts: What became of the recorded frames, per scan.
        n_selectable: (K,) kept frames that see each object.
        world_m: (S, 2) place of each seen object on the floor plan, from the scan's centre, along
            the world's own horizontal axes.
        ego_m: (S, 2) ahead and left of the frame that sees most of it, levelled.
    """

    counts: tuple[FrameCounts, ...]
    n_selectable: NDArray[np.int64]
    world_m: NDArray[np.float64]
    ego_m: NDArray[np.float64]

    @property
    def n_never_seen(self) -> int:
        """Objects that no kept frame sees."""
        return int((self.n_selectable == 0).sum())


def scan_statistics(dataset: Dataset, tables: Path, scene_id: str) -> TableStatistics:
    """Statistics of one scan's table.

    Raises:
        DataError: The table or the scan is missing or damaged.
    """
    scene = dataset.scene(scene_id)
    path = table_path(tables, scene_id)
    table = load_table(path, dataset.trajectory(scene_id))
    columns = np.flatnonzero(table.object_ids >= 0)
    seen = [int(column) for column in columns if table.scores[:, column].any()]
    centers = _centers(scene, table.object_ids[seen])
    return TableStatistics(
        counts=(table.counts,),
        n_selectable=(table.scores[:, columns] > 0).sum(axis=0),
        world_m=(centers - scene.points.mean(axis=0)) @ _floor_axes(scene.up).T,
        ego_m=_ego_places(scene, table, seen, centers),
    )


def merge_statistics(scans: Sequence[TableStatistics]) -> TableStatistics:
    """Statistics of many scans together."""
    return TableStatistics(
        counts=tuple(count for scan in scans for count in scan.counts),
        n_selectable=np.concatenate([scan.n_selectable for scan in scans]),
        world_m=np.concatenate([scan.world_m for scan in scans]),
        ego_m=np.concatenate([scan.ego_m for scan in scans]),
    )


def _ego_places(
    scene: Scene, table: VisibilityTable, columns: Sequence[int], centers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(S, 2) ahead and left, metres, of each object in its best frame."""
    places = np.zeros((len(columns), 2))
    trajectory = table.trajectory
    for i, column in enumerate(columns):
        row = int(table.scores[:, column].argmax())
        pose = EgoPose(
            reference_from_camera=trajectory.pose(row),
            intrinsics=trajectory.intrinsics[row],
            source=PoseSource.RECOVERED,
        )
        ego_from_world = ego_from_reference(pose, scene.up, EgoFrame.LEVEL)
        places[i] = ego_from_world.apply(centers[i])[:2]
    return places


def _centers(scene: Scene, object_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """(S, 3) middle of each object's points, or its centre where the scan has no masks."""
    centers = np.zeros((len(object_ids), 3))
    for i, object_id in enumerate(object_ids):
        if scene.instance_ids is not None:
            points = scene.points[scene.instance_ids == object_id]
            centers[i] = (points.min(axis=0) + points.max(axis=0)) / 2
        elif scene.objects is not None:
            centers[i] = scene.objects.centers[scene.objects.index_of(int(object_id))]
    return centers


def _floor_axes(up: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, 3) world axes that are most horizontal, made horizontal; right-handed seen from above."""
    first = np.eye(3)[np.argsort(np.abs(up), kind="stable")[0]]
    x = first - (first @ up) * up
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(up, x)])
