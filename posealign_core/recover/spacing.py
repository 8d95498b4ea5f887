"""What the rule `surface` scales by: how far apart points are, and how far from the cameras."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from posealign_core.recover.projection import project_points

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from posealign_core.geometry.intrinsics import Intrinsics

__all__ = ["point_spacing", "typical_depth"]

_NEIGHBOURS = 12
_SAMPLED_POINTS = 2048
_SAMPLED_CAMERAS = 64


def point_spacing(points: NDArray[Any]) -> float:
    """Side of the square that one point of a surface stands for, metres.

    A disc that reaches to the k-th neighbour holds k points, so a point has the area pi r^2 / k;
    the median over a sample of points is taken. Unlike the distance to the nearest neighbour this
    gives the same for a grid, a mesh and a random sample of equal density. Rounded to 0.1 mm, so
    that a rigid motion leaves it as it is; 0 for fewer than two distinct points.
    """
    if len(points) < 2:
        return 0.0
    k = min(_NEIGHBOURS, len(points) - 1)
    tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
    reach = tree.query(_strided(points, _SAMPLED_POINTS), k=[k + 1])[0]
    return round(float(np.median(reach) * np.sqrt(np.pi / k)), 4)


def typical_depth(
    points: NDArray[Any],
    camera_from_world: NDArray[np.float64],
    intrinsics: Sequence[Intrinsics],
) -> float | None:
    """Median depth of what the cameras have in view, metres, over a sample; None where it is empty.

    Args:
        points: (N, 3) WORLD metres.
        camera_from_world: (V, 4, 4).
        intrinsics: V cameras.
    """
    sample = _strided(points, _SAMPLED_POINTS).astype(np.float64)
    depths = []
    step = max(1, len(intrinsics) // _SAMPLED_CAMERAS)
    for pose, camera in list(zip(camera_from_world, intrinsics, strict=True))[::step]:
        seen = project_points(sample, pose, camera)
        depths.append(seen.depth[seen.inside])
    in_view = np.concatenate(depths) if depths else np.empty(0)
    return float(np.median(in_view)) if len(in_view) else None


def _strided(points: NDArray[Any], n: int) -> NDArray[Any]:
    return points[:: max(1, len(points) // n)]
