"""Superpoints of scans in the generic folder format, made once and kept beside the points."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posealign_core.atomic import atomic_path
from posealign_core.datasets.generic import SUPERPOINTS, Generic
from posealign_core.datasets.meshes import read_ply
from posealign_core.datasets.superpoints import superpoints_of_mesh, superpoints_of_points

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["MadeSuperpoints", "make_superpoints"]


class MadeSuperpoints(NamedTuple):
    """What came of one scan.

    Attributes:
        n_superpoints: How many it has.
        kept: Whether they were there already.
    """

    n_superpoints: int
    kept: bool


def make_superpoints(root: Path, scene_id: str, *, replace: bool = False) -> MadeSuperpoints:
    """Write `superpoints.npy` of one scan: of its mesh, or of its points where it has no faces.

    Args:
        root: Folder of the data set.
        scene_id: The scan.
        replace: Whether to make those anew that are there.

    Raises:
        DataError: A file of the scan is missing or damaged.
        SceneNotFoundError: There is no such scan.
    """
    dataset = Generic(root)
    scene, folder = dataset.scene(scene_id), dataset.folder(scene_id)
    if scene.superpoint_ids is not None and not replace:
        return MadeSuperpoints(len(np.unique(scene.superpoint_ids)), kept=True)
    faces = _faces(folder)
    if len(faces):
        ids = superpoints_of_mesh(scene.points, faces)
    else:
        ids = superpoints_of_points(scene.points, scene.normals)
    with atomic_path(folder / SUPERPOINTS) as temporary:
        np.save(temporary, ids.astype(np.int32))
    return MadeSuperpoints(int(ids.max()) + 1, kept=False)


def _faces(folder: Path) -> NDArray[np.int64]:
    path = folder / "points.ply"
    return read_ply(path).faces if path.is_file() else np.zeros((0, 3), np.int64)
