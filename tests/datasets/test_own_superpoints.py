from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from posealign_core.cli.main import main
from posealign_core.datasets.generic import Generic
from posealign_core.datasets.own_superpoints import make_superpoints
from posealign_core.datasets.superpoints import superpoints_of_mesh, superpoints_of_points
from posealign_core.errors import DataError, ExitCode, SceneNotFoundError

if TYPE_CHECKING:
    from pathlib import Path


def corner() -> tuple[np.ndarray, np.ndarray]:
    """A floor and a wall that meet at a right angle, as a mesh."""
    a, b = np.meshgrid(np.arange(8) / 10, np.arange(8) / 10, indexing="ij")
    floor = np.stack([a, b, 0 * a], axis=-1).reshape(-1, 3)
    wall = np.stack([0 * a, a, b + 0.001], axis=-1).reshape(-1, 3)
    first = np.arange(7)[:, None] * 8 + np.arange(7)
    corners = np.stack([first, first + 1, first + 8, first + 9], axis=-1).reshape(-1, 4)
    faces = np.concatenate([corners[:, [0, 2, 1]], corners[:, [1, 2, 3]]])
    return np.concatenate([floor, wall]), np.concatenate([faces, faces + 64])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A scan that is a mesh, and one that is only points."""
    points, faces = corner()
    vertices = np.array([tuple(p) for p in points], dtype=[(n, "f4") for n in "xyz"])
    triangles = np.array([(f.tolist(),) for f in faces], dtype=[("vertex_indices", "i4", (3,))])
    for name in ("mesh", "cloud"):
        (tmp_path / name).mkdir()
    elements = [PlyElement.describe(vertices, "vertex"), PlyElement.describe(triangles, "face")]
    PlyData(elements).write(tmp_path / "mesh" / "points.ply")
    np.savez(tmp_path / "cloud" / "points.npz", points=points)
    return tmp_path


def test_superpoints_are_made_of_the_mesh_or_of_the_points(root: Path) -> None:
    scenes = Generic(root)
    assert scenes.scene("mesh").superpoint_ids is None
    made = {name: make_superpoints(root, name) for name in ("mesh", "cloud")}
    points, faces = corner()
    expected = {
        "mesh": superpoints_of_mesh(points.astype(np.float32), faces),
        "cloud": superpoints_of_points(points),
    }
    for name, ids in expected.items():
        stored = scenes.scene(name).superpoint_ids
        assert stored is not None
        np.testing.assert_array_equal(stored, ids)
        assert made[name] == (ids.max() + 1, False)
    assert made["mesh"].n_superpoints == 2


def test_superpoints_that_are_there_are_kept_unless_told_otherwise(root: Path) -> None:
    make_superpoints(root, "cloud")
    path = root / "cloud" / "superpoints.npy"
    np.save(path, np.zeros(128, dtype=np.int32))
    assert make_superpoints(root, "cloud") == (1, True)
    assert make_superpoints(root, "cloud", replace=True).kept is False
    assert np.load(path).any()


def test_a_file_of_another_length_is_refused(root: Path) -> None:
    np.save(root / "cloud" / "superpoints.npy", np.zeros(5, dtype=np.int32))
    with pytest.raises(DataError, match=r"superpoints\.npy.*128"):
        Generic(root).scene("cloud")


def test_the_verb_makes_all_and_names_what_failed(root: Path, capsys) -> None:
    assert main(["data", "superpoints", str(root), "--jobs", "1"]) == ExitCode.OK
    assert "2 scans (0 had superpoints already), 0 failed" in capsys.readouterr().out
    (root / "cloud" / "points.npz").write_bytes(b"no archive")
    assert main(["data", "superpoints", str(root), "--jobs", "1"]) == ExitCode.DATA
    captured = capsys.readouterr()
    assert "1 scans (1 had superpoints already), 1 failed" in captured.out
    assert "cloud: " in captured.err
    with pytest.raises(SceneNotFoundError):
        make_superpoints(root, "attic")


def test_a_folder_without_scans_is_no_success(tmp_path: Path, capsys) -> None:
    assert main(["data", "superpoints", str(tmp_path)]) == ExitCode.DATA
    assert "found none; check the path" in capsys.readouterr().err
