"""Object lists that object-centric systems publish: attribute files and detected masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.datasets.safe_load import load_torch
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SceneAttributes", "read_attributes", "read_detected_masks"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneAttributes:
    """The objects of one scan in an attribute file (chat_scene spec 2.2).

    Attributes:
        labels: A category name for every object, also for those beyond the boxes.
        boxes: (M, 6) float32 `[centre, size]` in AXIS_ALIGNED, metres; zeros for an empty object.
            M is at most 100 in the published files.
        object_ids: Ids of the objects where the file names them, else None: then an object's id is
            its place in the list (of `segGroups`, for the ground truth).
    """

    labels: tuple[str, ...]
    boxes: NDArray[np.float32]
    object_ids: tuple[int, ...] | None


def read_attributes(path: Path) -> dict[str, SceneAttributes]:
    """Read a `scannet_*_attributes.pt` file, by scan.

    Raises:
        UnsafeFileError: The file asks for code.
        DataError: The file is missing, damaged or of another structure.
    """
    values = load_torch(path)
    if not isinstance(values, dict):
        raise DataError(f"{path}: wanted attributes by scan, found {type(values).__name__}")
    return {str(scan): _attributes(entry, f"{path}, {scan}") for scan, entry in values.items()}


def _attributes(entry: Any, where: str) -> SceneAttributes:
    if not isinstance(entry, dict) or not {"objects", "locs"} <= entry.keys():
        raise DataError(f"{where}: wanted 'objects' and 'locs', found {entry!r:.80}")
    boxes = np.asarray(entry["locs"], dtype=np.float32)
    labels = tuple(str(label) for label in entry["objects"])
    if boxes.ndim != 2 or boxes.shape[1] != 6 or len(boxes) > len(labels):
        raise DataError(
            f"{where}: wanted boxes (at most {len(labels)}, 6) in 'locs', found {boxes.shape}"
        )
    ids = entry.get("obj_ids")
    return SceneAttributes(
        labels=labels,
        boxes=boxes,
        object_ids=None if ids is None else tuple(int(i) for i in ids),
    )


def read_detected_masks(path: Path) -> list[tuple[str, NDArray[np.int64]]]:
    """Read a `mask3d_inst_seg/<scan>.pt` file: label and vertex indices of each detected object.

    An object's place in the list is its proposal id (chat_scene spec 2.1).

    Raises:
        UnsafeFileError: The file asks for code.
        DataError: The file is missing, damaged or of another structure.
    """
    values = load_torch(path)
    try:
        return [
            (str(value["label"]), np.asarray(value["segments"], dtype=np.int64).reshape(-1))
            for value in values
        ]
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"{path}: wanted a list of objects with 'label' and 'segments' ({error!r})"
        ) from error
