"""Which points an object or a region of a scene consists of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from posealign_core.structures import Region, Scene

__all__ = ["points_in_box", "points_of_objects", "points_of_region"]

_TOLERANCE_M = 1e-6


def points_of_objects(scene: Scene, object_ids: Iterable[int]) -> NDArray[np.bool_]:
    """(N,) the points of some objects; where the scan has boxes instead of masks, those inside."""
    ids = list(object_ids)
    if scene.instance_ids is not None:
        mask: NDArray[np.bool_] = np.isin(scene.instance_ids, ids)
        return mask
    found = np.zeros(len(scene), dtype=bool)
    table = scene.objects
    if table is not None and table.corners is not None:
        for row in (table.index_of(object_id) for object_id in ids):
            if row is not None:
                found |= points_in_box(scene.points, table.corners[row])
    return found


def points_of_region(scene: Scene, region: Region) -> NDArray[np.bool_]:
    """(N,) the points of a region: of its object, else in its box, else around its click.

    A click means the object that its nearest point belongs to, or that point's superpoint.
    """
    if region.object_id is not None:
        found = points_of_objects(scene, [region.object_id])
        if found.any():
            return found
    if region.corners is not None:
        return points_in_box(scene.points, region.corners)
    if region.click is None:
        return np.zeros(len(scene), dtype=bool)
    nearest = int(np.linalg.norm(scene.points - region.click, axis=1).argmin())
    if scene.instance_ids is not None and scene.instance_ids[nearest] >= 0:
        return points_of_objects(scene, [int(scene.instance_ids[nearest])])
    if scene.superpoint_ids is not None:
        same: NDArray[np.bool_] = scene.superpoint_ids == scene.superpoint_ids[nearest]
        return same
    alone: NDArray[np.bool_] = np.arange(len(scene)) == nearest
    return alone


def points_in_box(points: NDArray[np.floating], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(N,) the points (N, 3) inside an oriented box with corners (8, 3), its faces included."""
    origin, edges = corners[0], corners[[1, 2, 4]] - corners[0]
    along = (points - origin) @ edges.T
    squares = (edges**2).sum(axis=1)
    within = (along >= -_TOLERANCE_M) & (along <= squares + _TOLERANCE_M)
    # An edge of no length is orthogonal to everything; the box is still nowhere but at its corners.
    radius = np.linalg.norm(corners[7] - corners[0]) / 2 + _TOLERANCE_M
    near = np.linalg.norm(points - corners.mean(axis=0), axis=1) <= radius
    inside: NDArray[np.bool_] = within.all(axis=1) & near
    return inside
