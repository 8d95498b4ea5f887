"""PLY meshes and point clouds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from plyfile import PlyData, PlyParseError

from posealign_core.datasets.numbers import require_finite
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Mesh", "read_ply", "vertex_normals"]

_FACE_LISTS = ("vertex_indices", "vertex_index")


@dataclass(frozen=True, kw_only=True, eq=False)
class Mesh:
    """Vertices and, where there are any, triangles.

    Attributes:
        points: (N, 3) float64 metres, in the file's frame.
        colors: (N, 3) uint8 red, green, blue, or None.
        normals: (N, 3) float64 unit vectors where the file has them, else None.
        faces: (F, 3) int64 vertex indices; F = 0 for a cloud.
    """

    points: NDArray[np.float64]
    colors: NDArray[np.uint8] | None
    normals: NDArray[np.float64] | None
    faces: NDArray[np.int64]


def read_ply(path: Path) -> Mesh:
    """Read a PLY file, text or binary.

    Raises:
        DataError: It is missing, cut short, has no x, y, z, or a face is no triangle of its
            vertices.
    """
    try:
        # Lists of stated length come as one mapped array; of any other, as a Python loop.
        ply = PlyData.read(str(path), known_list_len={"face": dict.fromkeys(_FACE_LISTS, 3)})
        vertices = ply["vertex"].data
        points = _columns(vertices, ("x", "y", "z"), np.float64)
    except FileNotFoundError as error:
        raise DataError(f"{path}: wanted a PLY file, found none; check the path") from error
    except (PlyParseError, OSError, ValueError, KeyError) as error:
        raise DataError(
            f"{path}: damaged or no PLY mesh ({type(error).__name__}: {error}); fetch it again"
        ) from error
    if points is None:
        raise DataError(f"{path}: wanted vertices with x, y, z, found {vertices.dtype.names}")
    require_finite(points, str(path))
    return Mesh(
        points=points,
        colors=_columns(vertices, ("red", "green", "blue"), np.uint8),
        normals=_columns(vertices, ("nx", "ny", "nz"), np.float64),
        faces=_faces(ply, len(points), path),
    )


def _columns(vertices: Any, names: tuple[str, ...], dtype: type) -> NDArray[Any] | None:
    if any(name not in vertices.dtype.names for name in names):
        return None
    return np.stack([vertices[name] for name in names], axis=1).astype(dtype)


def _faces(ply: Any, n_points: int, path: Path) -> NDArray[np.int64]:
    if "face" not in ply:
        return np.zeros((0, 3), np.int64)
    data = ply["face"].data
    name = next((name for name in _FACE_LISTS if name in data.dtype.names), None)
    if name is None:
        raise DataError(f"{path}: wanted faces with vertex_indices, found {data.dtype.names}")
    try:
        rows = data[name].tolist() if data[name].dtype == object else data[name]
        faces = np.array(rows, dtype=np.int64).reshape(-1, 3)
    except ValueError as error:
        raise DataError(f"{path}: wanted triangles, found other faces ({error})") from error
    if faces.size and not 0 <= faces.min() <= faces.max() < n_points:
        raise DataError(f"{path}: a face names a vertex outside 0..{n_points - 1}; fetch it again")
    return faces


def vertex_normals(points: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Normals of mesh vertices: the mean of the incident faces' normals, weighted by area.

    Args:
        points: (N, 3) metres.
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.

    Returns:
        (N, 3) float64 unit vectors; zero for a vertex without a face of positive area.
    """
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    twice_area = np.cross(b - a, c - a)
    corners = faces.ravel()
    summed = np.stack(
        [
            np.bincount(corners, np.repeat(twice_area[:, axis], 3), minlength=len(points))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    unit: NDArray[np.float64] = np.divide(
        summed, length, out=np.zeros_like(summed), where=length > 0
    )
    return unit
