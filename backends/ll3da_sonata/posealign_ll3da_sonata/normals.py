"""Normals of a cloud that comes without any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MIN_POINTS", "estimate_normals"]

MIN_POINTS = 3
"""That make a plane."""


def estimate_normals(
    points: NDArray[np.floating], viewpoint_m: NDArray[np.floating], *, n_neighbors: int = 16
) -> NDArray[np.float64]:
    """Fit a plane to the surroundings of each point, and turn its normal towards a viewpoint.

    The normal is the direction in which the nearest neighbours vary least (Hoppe et al. 1992,
    section 3.1); of its two senses, the one that the viewpoint sees.

    Args:
        points: (N, 3) metres.
        viewpoint_m: (3,) in the same frame: where the camera stood.
        n_neighbors: Points per plane, the point itself among them.

    Returns:
        (N, 3) unit vectors.

    Raises:
        ShapeError: There are fewer than three points or neighbours.
    """
    if len(points) < MIN_POINTS or n_neighbors < MIN_POINTS:
        raise ShapeError(
            f"normals: wanted three points and neighbours at least, found {len(points)} points and "
            f"{n_neighbors} neighbours; give normals, or drop them"
        )
    xyz = points.astype(np.float64)
    _, neighbors = cKDTree(xyz).query(xyz, k=min(n_neighbors, len(xyz)), workers=-1)
    surroundings = xyz[neighbors]
    surroundings -= surroundings.mean(axis=1, keepdims=True)
    scatter = surroundings.transpose(0, 2, 1) @ surroundings
    normals: NDArray[np.float64] = np.linalg.eigh(scatter)[1][:, :, 0]
    away = np.einsum("nc,nc->n", normals, viewpoint_m - xyz) < 0
    normals[away] *= -1
    return normals
