"""PLY files and vertex normals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from data_files import CUBE, CUBE_FACES, write_ply

from posealign_core.datasets.meshes import read_ply, vertex_normals
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("face_list", ["vertex_indices", "vertex_index"])
@pytest.mark.parametrize("text", [True, False], ids=["text", "binary"])
def test_meshes_of_either_form_and_spelling(tmp_path: Path, text: bool, face_list: str) -> None:
    path = write_ply(tmp_path / "m.ply", CUBE, CUBE_FACES, text=text, face_list=face_list)
    mesh = read_ply(path)
    np.testing.assert_array_equal(mesh.points, CUBE)
    np.testing.assert_array_equal(mesh.faces, CUBE_FACES)
    assert mesh.colors is not None
    assert mesh.colors[5].tolist() == [5, 20, 30]
    assert mesh.normals is None


def test_a_cloud_has_no_faces(tmp_path: Path) -> None:
    assert read_ply(write_ply(tmp_path / "c.ply", CUBE)).faces.shape == (0, 3)


def test_a_mesh_cut_anywhere_is_a_data_error(tmp_path: Path) -> None:
    path = write_ply(tmp_path / "m.ply", CUBE, CUBE_FACES)
    whole = path.read_bytes()
    for size in range(0, len(whole), 23):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"m\.ply"):
            read_ply(path)


def test_a_face_of_a_missing_vertex_is_refused(tmp_path: Path) -> None:
    path = write_ply(tmp_path / "m.ply", CUBE[:7], CUBE_FACES)
    with pytest.raises(DataError, match=r"outside 0\.\.6"):
        read_ply(path)


def test_points_that_are_no_numbers_are_counted(tmp_path: Path) -> None:
    points = CUBE.copy()
    points[3, 1], points[6] = np.nan, np.inf
    path = write_ply(tmp_path / "m.ply", points, CUBE_FACES)
    with pytest.raises(DataError, match="NaN or Inf in 2 of 8, first at 3"):
        read_ply(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.ply").write_text("no mesh")
    with pytest.raises(DataError, match="no PLY mesh"):
        read_ply(tmp_path / "m.ply")
    with pytest.raises(DataError, match="found none"):
        read_ply(tmp_path / "n.ply")


def test_normals_of_a_cube_point_outward() -> None:
    normals = vertex_normals(CUBE, CUBE_FACES)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)
    assert (np.sign(normals) == np.sign(CUBE - 0.5)).all()


def test_normals_are_weighted_by_area() -> None:
    # A unit square in x-y and a rectangle of area 3 in x-z share the edge of vertices 0 and 1.
    points = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 3], [0, 0, 3]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 4, 1], [0, 5, 4]])
    normals = vertex_normals(points, faces)
    np.testing.assert_allclose(normals[2], [0, 0, 1])
    np.testing.assert_allclose(normals[5], [0, 1, 0])
    # Vertex 0 touches all four triangles: areas 1 along +z and 3 along +y.
    np.testing.assert_allclose(normals[0], np.array([0, 3, 1]) / math.sqrt(10))


def test_a_vertex_without_a_face_has_a_zero_normal() -> None:
    normals = vertex_normals(CUBE, CUBE_FACES[:2])
    np.testing.assert_array_equal(normals[7], 0)
    np.testing.assert_allclose(normals[0], [0, 0, -1])
