"""Which proposal stands for which object of the scene (specification 6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import aabb_from_corners, aabb_iou, move_corners

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from posealign_chat_scene.objects.proposals import Proposals
    from posealign_core.structures import Region, Scene

__all__ = ["LEAST_OVERLAP", "best_proposals", "row_of_region", "rows_of_objects"]

LEAST_OVERLAP = 0.5
"""Overlap (IoU) from which a proposal stands for an object in training."""


def best_proposals(
    boxes: NDArray[np.float64], proposals: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each box the proposal that overlaps it most, the first of equal ones, and the overlap.

    Args:
        boxes: (K, 6) `[centre, size]`.
        proposals: (n, 6), same frame, n >= 1.
    """
    overlap = aabb_iou(boxes, proposals)
    best: NDArray[np.int64] = overlap.argmax(axis=1)
    return best, overlap[np.arange(len(boxes)), best]


def rows_of_objects(
    proposals: Proposals, scene: Scene, object_ids: Iterable[int], *, least: float = 0.0
) -> list[int | None]:
    """The proposals that stand for objects of the scene, in their order.

    Args:
        proposals: The scene's objects as they are seen.
        scene: The scene, in INPUT, with its own objects.
        object_ids: Ids of its own objects.
        least: Overlap that a detected object needs.

    Returns:
        A row for each, or None for an object that is not among them.
    """
    ids = list(object_ids)
    if not proposals.are_detected:
        at = {int(k): row for row, k in enumerate(proposals.object_ids)}
        return [at.get(i) for i in ids]
    table = scene.objects
    rows: list[int | None] = []
    for i in ids:
        own = None if table is None else table.index_of(i)
        if table is None or table.corners is None or own is None or not len(proposals):
            rows.append(None)
            continue
        box = aabb_from_corners(move_corners(proposals.aligned_from_input, table.corners[own]))
        best, overlap = best_proposals(box, proposals.boxes)
        rows.append(int(best[0]) if overlap[0] >= least else None)
    return rows


def row_of_region(proposals: Proposals, scene: Scene, region: Region) -> int | None:
    """The proposal that a region points at: its object, else by box, else the nearest to a click.

    Args:
        proposals: The scene's objects as they are seen.
        scene: The scene, in INPUT.
        region: In INPUT.
    """
    if not len(proposals):
        return None
    if region.object_id is not None:
        row = rows_of_objects(proposals, scene, [region.object_id])[0]
        if row is not None:
            return row
    if region.corners is not None and proposals.corners is not None:
        box = aabb_from_corners(move_corners(proposals.aligned_from_input, region.corners))
        best, overlap = best_proposals(box, proposals.boxes)
        if overlap[0] > 0:
            return int(best[0])
    place = region.click if region.click is not None else _middle(region)
    if place is None:
        return None
    return int(np.linalg.norm(proposals.centers - place, axis=1).argmin())


def _middle(region: Region) -> NDArray[np.float64] | None:
    return None if region.corners is None else region.corners.mean(axis=0)
