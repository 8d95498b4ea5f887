"""Anyone's scans: one folder per scene, in the format of docs/own_data_format.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.datasets.base import Dataset
from posealign_core.datasets.entries import Entry
from posealign_core.datasets.files import read_json
from posealign_core.datasets.generic_files import (
    SceneSettings,
    read_cloud,
    read_objects,
    read_poses,
)
from posealign_core.datasets.intrinsics_files import read_intrinsics
from posealign_core.datasets.numbers import numeric_array
from posealign_core.datasets.objects import object_table, vertices_by_id
from posealign_core.datasets.safe_load import load_array
from posealign_core.errors import DataError, SceneNotFoundError
from posealign_core.geometry import Frame
from posealign_core.structures import CameraTrajectory, Scene

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SUPERPOINTS", "Generic"]

SUPERPOINTS = "superpoints.npy"
"""The superpoint of each point, where the points' own file does not say it."""


class Generic(Dataset):
    """A folder of scenes; `splits.json` may say which belongs to which split.

    Without `splits.json`, every scene belongs to the split `test`.
    """

    def scene_ids(self, split: str | None = None) -> list[str]:
        """Scenes of a split, or all."""
        if split is None:
            return sorted({path.parent.name for path in self.root.glob("*/points.*")})
        listed = self._listed()
        if split not in listed:
            raise DataError(
                f"{self.root}: wanted split {split!r}, found {self.splits()}; splits.json holds "
                '{"train": ["<scene>", ...], ...}'
            )
        chosen = sorted(listed.texts(split))
        twice = {name for name in chosen if chosen.count(name) > 1}
        if twice:
            raise DataError(f"{listed.where}: scene {min(twice)!r} is listed twice under {split!r}")
        return chosen

    def splits(self) -> list[str]:
        """Names of the splits."""
        return sorted(self._listed().values)

    def _listed(self) -> Entry:
        path = self.root / "splits.json"
        return Entry(read_json(path) if path.is_file() else {"test": self.scene_ids()}, str(path))

    def folder(self, scene_id: str) -> Path:
        """The folder of a scene.

        Raises:
            SceneNotFoundError: There is none.
        """
        folder = self.root / scene_id
        if not folder.is_dir():
            raise SceneNotFoundError(f"wanted scene {scene_id!r} as {folder}/, found no folder")
        return folder

    def scene(self, scene_id: str) -> Scene:
        """Read one scene."""
        folder = self.folder(scene_id)
        settings = SceneSettings.read(folder)
        cloud = read_cloud(folder)
        n_points = len(cloud.points)
        instance_ids = _of_points(folder / "masks.npy", n_points, cloud.instance_ids)
        objects = read_objects(folder)
        if objects is None and instance_ids is not None:
            members = vertices_by_id(instance_ids)
            labels = _labels(folder / "labels.json")
            objects = object_table(cloud.points, members, labels, settings.aligned_from_world)
        return Scene(
            scene_id=scene_id,
            frame=Frame.WORLD,
            points=cloud.points,
            colors=cloud.colors,
            normals=cloud.normals,
            instance_ids=instance_ids,
            superpoint_ids=_of_points(folder / SUPERPOINTS, n_points, cloud.superpoint_ids),
            objects=objects,
            up=settings.up,
            aligned_from_world=settings.aligned_from_world,
        )

    def trajectory(self, scene_id: str) -> CameraTrajectory:
        """Read the cameras of one scene, turned to camera-to-world with RDF axes."""
        folder = self.folder(scene_id)
        frame_ids, matrices = read_poses(folder)
        return CameraTrajectory(
            scene_id=scene_id,
            frame_ids=frame_ids,
            world_from_camera=SceneSettings.read(folder).world_from_camera(matrices),
            intrinsics=read_intrinsics(folder / "intrinsics.json", len(frame_ids)),
        )


def _of_points(
    path: Path, n_points: int, otherwise: NDArray[np.int64] | None
) -> NDArray[np.int64] | None:
    """(N,) the ids of a file of their own, or those that came with the points."""
    if not path.is_file():
        return otherwise
    return numeric_array(str(path), load_array(path), (n_points,), np.int64)


def _labels(path: Path) -> dict[int, str]:
    """Category names by object id; none where there is no file."""
    names = Entry(read_json(path) if path.is_file() else {}, str(path))
    try:
        return {int(object_id): names.text(object_id) for object_id in names.values}
    except ValueError as error:
        raise DataError(f"{path}: wanted object ids as keys ({error})") from error
