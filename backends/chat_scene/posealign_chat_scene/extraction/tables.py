"""Feature tables: one vector per object of each scan, in the published layout.

A table is a `torch.save` file `{"<scan>_<object id>": vector}` (chat_scene spec 2.3, 2.4). An
object that could not be encoded has no key; it reads as a zero vector, and is counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from posealign_core.datasets.files import read_json
from posealign_core.datasets.proposals import read_attributes
from posealign_core.datasets.safe_load import load_torch
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from posealign_core.vocabulary import EgoFrame

__all__ = [
    "SETTINGS",
    "FeatureTable",
    "MissingFeatures",
    "ObjectFeatures",
    "PoseFeatures",
    "YawFeatures",
    "count_missing",
    "feature_key",
    "listed_objects",
    "read_vectors",
    "yaw_bin",
]

SETTINGS = "settings.json"
"""What the features in a folder follow from."""


def feature_key(scene_id: str, object_id: int) -> str:
    """Name of an object in a table: `scene0000_00_07`."""
    return f"{scene_id}_{object_id:02}"


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectFeatures:
    """What a table holds of some objects of one scan.

    Attributes:
        values: (n, D) float32, one row per object asked for, zeros where the table has none.
        found: (n,) bool, false for the rows of zeros.
    """

    values: NDArray[np.float32]
    found: NDArray[np.bool_]


class FeatureTable:
    """Vectors by key.

    Args:
        vectors: (D,) tensors, of any floating dtype, by `feature_key`.
        where: Name of the file, for messages.

    Attributes:
        dim: D.

    Raises:
        DataError: The vectors are of unequal sizes, or there are none.
    """

    def __init__(self, vectors: Mapping[str, Tensor], where: str) -> None:
        _check(vectors, where, n_dims=1)
        self._vectors = vectors
        self.dim = next(iter(vectors.values())).shape[0]

    @classmethod
    def read(cls, path: Path) -> FeatureTable:
        """Read a published table or one made here.

        Raises:
            UnsafeFileError: The file asks for code.
            DataError: The file is missing, damaged or of another structure.
        """
        return cls(read_vectors(path), str(path))

    def __contains__(self, key: str) -> bool:
        return key in self._vectors

    def __len__(self) -> int:
        return len(self._vectors)

    def of(self, scene_id: str, object_ids: Sequence[int]) -> ObjectFeatures:
        """The rows of these objects, in this order.

        Raises:
            DataError: A row is not finite.
        """
        return _gather(self._vectors, scene_id, object_ids, (self.dim,))


class YawFeatures:
    """3-D features of each object turned by K equal angles (chat_scene spec 9.6, T1).

    Row k is the object seen by an asker whose heading is k / K of a full turn: its points were
    turned by -2 pi k / K about the up axis of AXIS_ALIGNED. Row 0 is the published feature.

    Args:
        vectors: (K, D) tensors by `feature_key`.
        where: Name of the file, for messages.

    Attributes:
        n_bins: K.
        dim: D.

    Raises:
        DataError: The tables are of unequal sizes, or there are none.
    """

    def __init__(self, vectors: Mapping[str, Tensor], where: str) -> None:
        _check(vectors, where, n_dims=2)
        self._vectors = vectors
        self.n_bins, self.dim = next(iter(vectors.values())).shape

    @classmethod
    def read(cls, path: Path) -> YawFeatures:
        """Read `..._yaw<K>.pt`.

        Raises:
            UnsafeFileError: The file asks for code.
            DataError: The file is missing, damaged or of another structure.
        """
        return cls(read_vectors(path), str(path))

    def of(self, scene_id: str, object_ids: Sequence[int], heading_rad: float) -> ObjectFeatures:
        """The rows of these objects for one asker.

        Args:
            scene_id: The scan.
            object_ids: Its objects.
            heading_rad: Direction that the asker faces in AXIS_ALIGNED, counter-clockwise from +x.

        Raises:
            DataError: A row is not finite.
        """
        k = yaw_bin(heading_rad, self.n_bins)
        keys = (feature_key(scene_id, i) for i in object_ids)
        rows = {key: self._vectors[key][k] for key in keys if key in self._vectors}
        return _gather(rows, scene_id, object_ids, (self.dim,))


class PoseFeatures:
    """3-D features in the exact ego frame of single frames: `<root>/<scan>/<frame>.pt`.

    Args:
        root: The folder; its `settings.json` says which ego frame it was made for.
        ego_frame: Which ego frame is wanted.

    Raises:
        DataError: The folder was made for the other one.
    """

    def __init__(self, root: Path, ego_frame: EgoFrame) -> None:
        self.root = root
        settings = root / SETTINGS
        made = read_json(settings).get("ego_frame") if settings.is_file() else ego_frame.value
        if made != ego_frame.value:
            raise DataError(
                f"{root}: wanted features in the ego frame {ego_frame.value!r}, found {made!r}; "
                "make them with 'posealign chat-scene features-3d --ego-frame'"
            )

    def path(self, scene_id: str, frame_id: str) -> Path:
        """Where the table of one frame is or would be."""
        return self.root / scene_id / f"{frame_id}.pt"

    def of(self, scene_id: str, frame_id: str, object_ids: Sequence[int]) -> ObjectFeatures:
        """The rows of these objects for the camera of one frame.

        Raises:
            DataError: That frame was not extracted, or its file is damaged.
        """
        path = self.path(scene_id, frame_id)
        if not path.is_file():
            raise DataError(
                f"{path}: wanted the 3-D features of scan {scene_id!r} as seen from frame "
                f"{frame_id!r}, found none; make them with 'posealign chat-scene features-3d "
                "--frames'"
            )
        return FeatureTable.read(path).of(scene_id, object_ids)


@dataclass(frozen=True, kw_only=True)
class MissingFeatures:
    """How many objects a table lacks.

    Attributes:
        n_objects: Objects asked for.
        n_missing: Those without a vector.
        by_scene: Ids of the missing objects of each scan that lacks any.
    """

    n_objects: int
    n_missing: int
    by_scene: Mapping[str, tuple[int, ...]]

    def __str__(self) -> str:
        return f"{self.n_missing} of {self.n_objects} objects in {len(self.by_scene)} scans"


def count_missing(
    table: FeatureTable, objects: Iterable[tuple[str, Sequence[int]]]
) -> MissingFeatures:
    """Count the objects that a table lacks.

    Args:
        table: The table.
        objects: Scan and ids of its real objects, without padding.
    """
    asked = [(scene_id, tuple(ids)) for scene_id, ids in objects]
    lacking = {
        scene_id: tuple(i for i in ids if feature_key(scene_id, i) not in table)
        for scene_id, ids in asked
    }
    by_scene = {scene_id: ids for scene_id, ids in lacking.items() if ids}
    return MissingFeatures(
        n_objects=sum(len(ids) for _, ids in asked),
        n_missing=sum(map(len, by_scene.values())),
        by_scene=by_scene,
    )


def listed_objects(attributes: Path) -> list[tuple[str, tuple[int, ...]]]:
    """Scan and ids of the objects that have a box in an attribute file.

    Raises:
        UnsafeFileError: The file asks for code.
        DataError: The file is missing, damaged or of another structure.
    """
    return [
        (scene_id, (scan.object_ids or tuple(range(len(scan.boxes))))[: len(scan.boxes)])
        for scene_id, scan in read_attributes(attributes).items()
    ]


def yaw_bin(heading_rad: float, n_bins: int) -> int:
    """Bin of a heading: the nearest of n equal angles, half a bin to either side (spec 9.6)."""
    return round(heading_rad * n_bins / (2 * math.pi)) % n_bins


def read_vectors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a table.

    Raises:
        UnsafeFileError: The file asks for code.
        DataError: The file is missing, damaged, or holds anything but tensors by name.
    """
    values = load_torch(path)
    if not isinstance(values, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in values.items()
    ):
        raise DataError(f"{path}: wanted a tensor by '<scan>_<object>', found {values!r:.60}")
    return values


def _check(vectors: Mapping[str, Tensor], where: str, *, n_dims: int) -> None:
    shapes = {tuple(vector.shape) for vector in vectors.values()}
    if len(shapes) != 1 or len(next(iter(shapes))) != n_dims:
        found = ", ".join(map(str, sorted(shapes)[:3])) or "nothing"
        raise DataError(f"{where}: wanted vectors of {n_dims} equal sizes, found {found}")


def _gather(
    vectors: Mapping[str, Any], scene_id: str, object_ids: Sequence[int], shape: tuple[int, ...]
) -> ObjectFeatures:
    values = np.zeros((len(object_ids), *shape), np.float32)
    found = np.zeros(len(object_ids), bool)
    for row, object_id in enumerate(object_ids):
        vector = vectors.get(feature_key(scene_id, object_id))
        if vector is not None:
            values[row], found[row] = vector.float().numpy(), True
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise DataError(
            f"feature {feature_key(scene_id, object_ids[wrong[0]])!r}: wanted finite numbers, "
            "found NaN or Inf; fetch or make the table again"
        )
    return ObjectFeatures(values=values, found=found)
