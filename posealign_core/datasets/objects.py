"""Object tables from labelled points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import aabb_of_points, corners_from_aabb, move_corners
from posealign_core.structures import ObjectTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from posealign_core.geometry import RigidTransform

__all__ = ["object_table", "vertices_by_id"]


def vertices_by_id(ids: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """Indices of the points of each id, ascending in both; -1 is left out.

    Args:
        ids: (N,) id of each point.
    """
    order = np.argsort(ids, kind="stable")
    present, counts = np.unique(ids, return_counts=True)
    ends = np.cumsum(counts)
    return {
        int(i): order[end - count : end]
        for i, count, end in zip(present, counts, ends, strict=True)
        if i != -1
    }


def object_table(
    points: NDArray[np.float64],
    members: Mapping[int, NDArray[np.int64]],
    labels: Mapping[int, str],
    aligned_from_world: RigidTransform,
) -> ObjectTable:
    """Build the object table of a scene whose objects are sets of points.

    Boxes are the benchmarks' own: axis-aligned after the data set's alignment (benchmarks spec
    2.1), then carried back to WORLD, where they lie turned.

    Args:
        points: (N, 3) in WORLD, metres.
        members: Point indices of each object; an object without points gets no row.
        labels: Category names; `""` for an object that is not there.
        aligned_from_world: The data set's alignment.
    """
    ids = sorted(i for i, indices in members.items() if len(indices))
    boxes = [aabb_of_points(aligned_from_world.apply(points[members[i]])) for i in ids]
    corners = corners_from_aabb(np.reshape(boxes, (-1, 6)))
    return ObjectTable(
        object_ids=np.array(ids, np.int64),
        labels=tuple(labels.get(i, "") for i in ids),
        centers=aligned_from_world.inverse().apply(np.reshape(boxes, (-1, 6))[:, :3]),
        corners=move_corners(aligned_from_world.inverse(), corners),
    )
