"""Superpoints for scans that have none: ScanNet's over-segmentation, of a mesh or of points alone.

Graph-based segmentation (Felzenszwalb and Huttenlocher 2004) with the edges, weights and defaults
of ScanNet's own tool (scannet_files spec, section 3), so that a mesh gets the segments that
ScanNet's annotations are made of, up to the unspecified order of equal weights.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np
from scipy.spatial import cKDTree

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["superpoints_of_mesh", "superpoints_of_points"]

THRESHOLD = 0.01
"""ScanNet's k: how readily small segments grow."""
MIN_SIZE = 20
"""ScanNet's smallest segment, vertices."""
N_NEIGHBORS = 12
"""Neighbours of a point in the graph that takes the place of mesh edges (our own extension)."""


class _Edges(NamedTuple):
    """Ends (E,) int32 and weights (E,) float32."""

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    weights: NDArray[np.float32]


def superpoints_of_mesh(
    vertices: ArrayLike, faces: ArrayLike, *, threshold: float = THRESHOLD, min_size: int = MIN_SIZE
) -> NDArray[np.int64]:
    """Segment a triangle mesh.

    Args:
        vertices: (N, 3) metres.
        faces: (F, 3) vertex indices, all turning the same way.
        threshold: Larger gives larger segments.
        min_size: Smaller segments join a neighbour.

    Returns:
        (N,) segment of each vertex, every value from 0 to S - 1.

    Raises:
        ShapeError: The arrays are no mesh.
    """
    points, triangles = _points(vertices), np.asarray(faces)
    if triangles.ndim != 2 or triangles.shape[1] != 3 or triangles.dtype.kind not in "iu":
        raise ShapeError(f"mesh: wanted faces (F, 3), found {triangles.dtype} {triangles.shape}")
    if triangles.size and not 0 <= triangles.min() <= triangles.max() < len(points):
        raise ShapeError(
            f"mesh: wanted vertex indices below {len(points)}, found {triangles.min()} to "
            f"{triangles.max()}"
        )
    triangles = triangles.astype(np.int32)
    normals = _vertex_normals(points, triangles)
    sides = triangles[:, [0, 1, 0, 2, 1, 2]].reshape(-1, 2)
    a, b = np.ascontiguousarray(sides[:, 0]), np.ascontiguousarray(sides[:, 1])
    edges = _Edges(a, b, _mesh_weights(points, normals, a, b))
    return _segment(edges, len(points), threshold, min_size)


def superpoints_of_points(
    points: ArrayLike,
    normals: ArrayLike | None = None,
    *,
    threshold: float = THRESHOLD,
    min_size: int = MIN_SIZE,
) -> NDArray[np.int64]:
    """Segment a cloud without a mesh over the graph of its 12 nearest neighbours.

    Without a surface there is no inside and outside: the weight of an edge is 1 - |n_a . n_b|.

    Args:
        points: (N, 3) metres.
        normals: (N, 3) unit vectors; estimated from the neighbours where not given.
        threshold: Larger gives larger segments.
        min_size: Smaller segments join a neighbour.

    Returns:
        (N,) segment of each point, every value from 0 to S - 1.

    Raises:
        ShapeError: Points or normals are not finite (N, 3).
    """
    cloud = _points(points)
    n_near = min(N_NEIGHBORS, len(cloud) - 1)
    if n_near < 1:
        return np.zeros(len(cloud), dtype=np.int64)
    _, near = cKDTree(cloud, balanced_tree=False).query(cloud, k=n_near + 1)
    directions = _estimated_normals(cloud, near) if normals is None else _points(normals)
    if len(directions) != len(cloud):
        raise ShapeError(
            f"wanted a normal for each of {len(cloud)} points, found {len(directions)}"
        )
    b = near[:, 1:].astype(np.int32).reshape(-1)
    a = np.repeat(np.arange(len(cloud), dtype=np.int32), n_near)
    cosines = np.abs(np.einsum("ij,ij->i", directions[a], directions[b]))
    return _segment(_Edges(a, b, 1 - cosines), len(cloud), threshold, min_size)


def _points(values: ArrayLike) -> NDArray[np.float32]:
    points = np.asarray(values, dtype=np.float32)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        raise ShapeError(f"superpoints: wanted finite points (N, 3), found shape {points.shape}")
    return points


def _segment(edges: _Edges, n: int, threshold: float, min_size: int) -> NDArray[np.int64]:
    order = np.argsort(edges.weights, kind="stable")
    roots = _join(edges.a[order], edges.b[order], edges.weights[order], n, threshold, min_size)
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def _estimated_normals(
    points: NDArray[np.float32], near: NDArray[np.integer]
) -> NDArray[np.float32]:
    """(N, 3) direction of least spread of each point's neighbourhood, of either sign."""
    around = points[near] - points[near].mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
    return np.ascontiguousarray(axes[:, :, 0], dtype=np.float32)


@numba.njit(cache=True)
def _vertex_normals(points: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """(N, 3) running mean of the unit normals of incident faces, not normalised again."""
    normals = np.zeros_like(points)
    counts = np.zeros(len(points), dtype=np.int32)
    for face in faces:
        side = points[face[1]] - points[face[0]]
        other = points[face[2]] - points[face[0]]
        normal = np.cross(side, other)
        length = np.sqrt((normal * normal).sum())
        if length > 0:
            normal /= length
        for vertex in face:
            counts[vertex] += 1
            normals[vertex] += (normal - normals[vertex]) / np.float32(counts[vertex])
    return normals


@numba.njit(cache=True)
def _mesh_weights(
    points: NDArray[np.float32],
    normals: NDArray[np.float32],
    a: NDArray[np.int32],
    b: NDArray[np.int32],
) -> NDArray[np.float32]:
    """(E,) 1 - n_a . n_b, squared where the surface bends outwards."""
    weights = np.empty(len(a), dtype=np.float32)
    for e in range(len(a)):
        bend = np.float32(1)
        towards = np.float32(0)
        for axis in range(3):
            bend -= normals[a[e], axis] * normals[b[e], axis]
            towards += normals[b[e], axis] * (points[b[e], axis] - points[a[e], axis])
        weights[e] = bend * bend if towards > 0 else bend
    return weights


@numba.njit(cache=True)
def _root(parents: NDArray[np.int32], x: int) -> int:
    while parents[x] != x:
        parents[x] = parents[parents[x]]
        x = parents[x]
    return x


@numba.njit(cache=True)
def _join(  # noqa: PLR0917 - compiled functions take no keywords
    a: NDArray[np.int32],
    b: NDArray[np.int32],
    weights: NDArray[np.float32],
    n: int,
    threshold: float,
    min_size: int,
) -> NDArray[np.int32]:
    """(n,) representative of each vertex's segment; edges come in rising order of weight."""
    parents = np.arange(n, dtype=np.int32)
    sizes = np.ones(n, dtype=np.int32)
    limits = np.full(n, threshold, dtype=np.float32)
    for e in range(len(a)):
        x, y = _root(parents, a[e]), _root(parents, b[e])
        if x != y and weights[e] <= limits[x] and weights[e] <= limits[y]:
            x, y = (x, y) if sizes[x] >= sizes[y] else (y, x)
            parents[y] = x
            sizes[x] += sizes[y]
            limits[x] = weights[e] + np.float32(threshold) / np.float32(sizes[x])
    for e in range(len(a)):
        x, y = _root(parents, a[e]), _root(parents, b[e])
        if x != y and (sizes[x] < min_size or sizes[y] < min_size):
            x, y = (x, y) if sizes[x] >= sizes[y] else (y, x)
            parents[y] = x
            sizes[x] += sizes[y]
    for x in range(n):
        parents[x] = _root(parents, x)
    return parents
