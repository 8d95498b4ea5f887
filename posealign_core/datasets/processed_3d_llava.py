"""The processed tree that 3D-LLaVA and PoseAlign3D publish (3d_llava spec, section 8)."""

from __future__ import annotations

import warnings
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.datasets.base import Dataset
from posealign_core.datasets.numbers import numeric_array, require_finite
from posealign_core.datasets.objects import object_table, vertices_by_id
from posealign_core.datasets.pose_files import PoseTree
from posealign_core.datasets.records_3d_llava import (
    EVAL_FILES,
    MATCHED_TRAIN,
    MATCHED_VAL,
    TRAIN_FILES,
    read_eval_info,
    read_matched_train,
    read_matched_val,
    read_train_info,
)
from posealign_core.datasets.safe_load import load_arrays, load_pickle, load_torch
from posealign_core.errors import DataError, PoseAlignWarning, SceneNotFoundError, ShapeError
from posealign_core.geometry import SCANNET_CONSTANT, Frame, RigidTransform
from posealign_core.structures import Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.structures import CameraTrajectory

__all__ = ["Processed3dLlava"]

_SPLITS = ("train", "val")
_TABLE_ENDING = "_view_instance_intersection_with_visibility.npz"
_TABLE_ARRAYS = ("cam_object_intersections", "pose_files", "valid_object_ids")

CLASSES_20 = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf"),
    *("picture", "counter", "desk", "curtain", "refrigerator", "shower curtain", "toilet", "sink"),
    *("bathtub", "other furniture"),
)
"""Names of `semantic_gt20`, in the order of ScanNet's 20 benchmark classes (inferred)."""


class Processed3dLlava(Dataset):
    """The folder `playground`, or the folder that holds it.

    Read are `data/scannet/{train,val}/<scan>.pth`, `data/scannet/super_points/<scan>.bin`, the
    alignment pickle, and `poses/`. The published poses come without a camera: where neither a
    packed file nor `intrinsics.json` gives one, the release's constant stands in, with a warning.
    """

    def __init__(self, root: Path) -> None:
        inner = root / "playground"
        super().__init__(inner if inner.is_dir() else root)
        self.folder = self.root / "data" / "scannet"
        self.poses = PoseTree(self.root / "poses")

    def scene_ids(self, split: str | None = None) -> list[str]:
        """Scans of `train` or `val`, or of both."""
        if split is None:
            parts = [part for part in _SPLITS if (self.folder / part).is_dir()]
            names = [name for part in parts for name in self.scene_ids(part)]
            twice = {name for name in names if names.count(name) > 1}
            if twice:
                raise DataError(
                    f"{self.folder}: scan {min(twice)!r} is in train/ and in val/; remove one"
                )
            return sorted(names)
        if split not in _SPLITS:
            raise DataError(f"{self.folder}: wanted split 'train' or 'val', found {split!r}")
        if not (self.folder / split).is_dir():
            raise DataError(f"{self.folder / split}: wanted a folder of scans, found none")
        return sorted(path.stem for path in (self.folder / split).glob("*.pth"))

    def scene(self, scene_id: str) -> Scene:
        """Read one scan."""
        path = self.scan_path(scene_id)
        arrays = _Arrays(load_torch(path), path)
        points = arrays.need("coord", (None, 3), np.float64)
        require_finite(points, str(path))
        n = len(points)
        instances = np.maximum(arrays.need("instance_gt", (n,), np.int64), -1)
        members = vertices_by_id(instances)
        aligned_from_world = self._alignment(scene_id)
        classes = arrays.get("semantic_gt20", (n,), np.int64)
        return Scene(
            scene_id=scene_id,
            frame=Frame.WORLD,
            points=points,
            colors=np.rint(arrays.need("color", (n, 3), np.float64)).clip(0, 255).astype(np.uint8),
            normals=arrays.get("normal", (n, 3), np.float64),
            instance_ids=instances,
            superpoint_ids=self._superpoints(scene_id, n),
            objects=object_table(
                points, members, _majority_labels(members, classes), aligned_from_world
            ),
            aligned_from_world=aligned_from_world,
        )

    def trajectory(self, scene_id: str) -> CameraTrajectory:
        """Read the poses of one scan."""
        self.scan_path(scene_id)
        recording = self.poses.read(scene_id)
        if recording.intrinsics is None:
            warnings.warn(
                f"{self.poses.root}: no cameras beside the poses; the release's constant stands "
                "in, from which scans differ. 'posealign data pack-poses --scannet' adds them",
                PoseAlignWarning,
                stacklevel=2,
            )
        return recording.trajectory(scene_id, recording.intrinsics or SCANNET_CONSTANT)

    def file_checks(self, scene_id: str) -> Sequence[Callable[[], object]]:
        """The superpoint file, and the visibility table where there is one."""
        table = self.root / "data" / "view_instance_intersection" / f"{scene_id}{_TABLE_ENDING}"
        checks: list[Callable[[], object]] = [partial(self._need_superpoints, scene_id)]
        if table.is_file():
            checks.append(partial(load_arrays, table, _TABLE_ARRAYS))
        return checks

    def tree_checks(self) -> Sequence[Callable[[], object]]:
        """The alignment pickle, and the training and evaluation files."""
        data = self.root / "data"
        return [
            lambda: self.alignments,
            *(partial(read_train_info, data / "train_info" / name) for name in TRAIN_FILES),
            *(partial(read_eval_info, data, benchmark) for benchmark in EVAL_FILES),
            partial(read_matched_train, data / "complementary_info" / MATCHED_TRAIN),
            partial(read_matched_val, data / "complementary_info" / MATCHED_VAL),
        ]

    def scan_path(self, scene_id: str) -> Path:
        """The `.pth` file of a scan.

        Raises:
            SceneNotFoundError: The tree has no such scan.
        """
        for split in _SPLITS:
            path = self.folder / split / f"{scene_id}.pth"
            if path.is_file():
                return path
        raise SceneNotFoundError(
            f"wanted scan {scene_id!r} as {self.folder}/{{train,val}}/{scene_id}.pth, found none"
        )

    @property
    def alignment_path(self) -> Path:
        """The pickle with the alignment of every scan."""
        return self.folder / "scannet_axis_align_matrix_trainval.pkl"

    @cached_property
    def alignments(self) -> Mapping[str, Any]:
        """Alignment matrices by scan, as the pickle has them."""
        values = load_pickle(self.alignment_path)
        if not isinstance(values, dict):
            raise DataError(
                f"{self.alignment_path}: wanted matrices by scan, found {type(values).__name__}"
            )
        return values

    def _alignment(self, scene_id: str) -> RigidTransform:
        where = f"{self.alignment_path}, scan {scene_id!r}"
        if scene_id not in self.alignments:
            raise DataError(f"{where}: wanted an alignment matrix, found none")
        try:
            matrix = np.array(self.alignments[scene_id], dtype=np.float64)
            return RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.WORLD)
        except (TypeError, ValueError, ShapeError) as error:
            raise DataError(f"{where}: {error}") from error

    def superpoint_path(self, scene_id: str) -> Path:
        """The superpoint file of a scan: headerless int64, one per point."""
        return self.folder / "super_points" / f"{scene_id}.bin"

    def _need_superpoints(self, scene_id: str) -> Path:
        path = self.superpoint_path(scene_id)
        if not path.is_file():
            raise DataError(f"{path}: wanted the superpoints of {scene_id!r}, found no file")
        return path

    def _superpoints(self, scene_id: str, n_points: int) -> NDArray[np.int64] | None:
        if not self.superpoint_path(scene_id).parent.is_dir():
            return None
        path = self._need_superpoints(scene_id)
        if path.stat().st_size != 8 * n_points:
            raise DataError(
                f"{path}: wanted {n_points} int64 ids ({8 * n_points} bytes), found "
                f"{path.stat().st_size} bytes; fetch it again"
            )
        return np.fromfile(path, "<i8")


class _Arrays:
    """The arrays of a scan file, checked as they are taken out."""

    def __init__(self, values: Any, path: Path) -> None:
        if not isinstance(values, dict):
            raise DataError(f"{path}: wanted arrays by name, found {type(values).__name__}")
        self._values = values
        self._path = path

    def get(self, name: str, shape: tuple[int | None, ...], dtype: type) -> NDArray[Any] | None:
        if name not in self._values:
            return None
        return numeric_array(f"{self._path}: {name!r}", self._values[name], shape, dtype)

    def need(self, name: str, shape: tuple[int | None, ...], dtype: type) -> NDArray[Any]:
        array = self.get(name, shape, dtype)
        if array is None:
            raise DataError(f"{self._path}: wanted {name!r}, found {sorted(self._values)}")
        return array


def _majority_labels(
    members: Mapping[int, NDArray[np.int64]], classes: NDArray[np.int64] | None
) -> dict[int, str]:
    """The commonest class of each object's points."""
    if classes is None:
        return {}
    labels = {}
    for object_id, indices in members.items():
        known = classes[indices]
        known = known[(known >= 0) & (known < len(CLASSES_20))]
        labels[object_id] = CLASSES_20[int(np.bincount(known).argmax())] if len(known) else ""
    return labels
