"""The files of one raw ScanNet scan (scannet_files spec, section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from posealign_core.datasets.entries import Entry, entries_of
from posealign_core.datasets.files import locate, read_json, read_text
from posealign_core.errors import DataError, ShapeError
from posealign_core.geometry import Frame, Intrinsics, RigidTransform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["ScanFiles", "SegmentGroup", "read_aggregation", "read_scan_info", "read_segments"]

T = TypeVar("T")

_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "mesh": ("{}_vh_clean_2.ply",),
    "segments": ("{}_vh_clean_2.0.010000.segs.json", "{}_vh_clean_2.segs.json"),
    "aggregation": (
        "{}.aggregation.json",
        "{}_vh_clean_2.aggregation.json",
        "{}_vh_clean.aggregation.json",
    ),
    "info": ("{}.txt",),
    "sens": ("{}.sens",),
}


class ScanFiles:
    """Finds the files of one scan under the names that they have in the wild.

    Args:
        folder: The scan's folder; its name is the scan's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scene_id = folder.name

    def find(self, kind: str) -> Path | None:
        """The file of a kind (`mesh`, `segments`, `aggregation`, `info`, `sens`), or None."""
        return locate(self.folder, self._names(kind))

    def need(self, kind: str) -> Path:
        """The file of a kind.

        Raises:
            DataError: The scan has none.
        """
        path = self.find(kind)
        if path is None:
            raise DataError(
                f"scan {self.scene_id!r}: wanted its {kind} file "
                f"{' or '.join(self._names(kind))} in {self.folder}, found none"
            )
        return path

    def read(self, kind: str, reader: Callable[[Path], T]) -> T:
        """Read the file of a kind.

        Raises:
            DataError: The scan has none, or it is damaged.
        """
        return reader(self.need(kind))

    def _names(self, kind: str) -> list[str]:
        return [name.format(self.scene_id) for name in _SPELLINGS[kind]]


@dataclass(frozen=True, kw_only=True)
class SegmentGroup:
    """One annotated object of an aggregation file.

    Attributes:
        object_id: The id that every annotation file refers to.
        label: Category as annotated.
        segments: Segments that the object is made of.
    """

    object_id: int
    label: str
    segments: tuple[int, ...]


def read_segments(path: Path) -> NDArray[np.int64]:
    """Read `segIndices`: (N,) int64, the over-segmentation id of each mesh vertex.

    Raises:
        DataError: The file is missing or damaged.
    """
    entry = Entry(read_json(path), str(path))
    indices = entry.get("segIndices")
    try:
        return np.array(indices, dtype=np.int64).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise entry.wrong(("segIndices",), "a list of integers", indices) from error


def read_aggregation(path: Path) -> list[SegmentGroup]:
    """Read `segGroups`, in file order.

    Raises:
        DataError: The file is missing or damaged, or names an object twice.
    """
    groups = [
        SegmentGroup(
            object_id=entry.integer("objectId", "id"),
            label=entry.text("label"),
            segments=entry.integers("segments"),
        )
        for entry in entries_of(Entry(read_json(path), str(path)).get("segGroups"), path)
    ]
    ids = [group.object_id for group in groups]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise DataError(f"{path}: object {twice[0]} is annotated twice; fetch the file again")
    return groups


def read_scan_info(path: Path) -> dict[str, str]:
    """Read the `key = value` lines of `<scan>.txt`.

    Raises:
        DataError: The file is missing.
    """
    pairs = (line.partition("=") for line in read_text(path).splitlines())
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def alignment_of(info: Mapping[str, str], where: str) -> RigidTransform:
    """The turn of walls onto the axes; the identity where the scan has none (test scans).

    Raises:
        DataError: `axisAlignment` is not a rigid 4x4 matrix.
    """
    if "axisAlignment" not in info:
        return RigidTransform.identity(Frame.AXIS_ALIGNED, Frame.WORLD)
    try:
        numbers = [float(word) for word in info["axisAlignment"].split()]
        matrix = np.reshape(numbers, (4, 4))
        return RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.WORLD)
    except (ValueError, ShapeError) as error:
        raise DataError(f"{where}: axisAlignment: {error}") from error


def color_camera_of(info: Mapping[str, str], where: str) -> Intrinsics | None:
    """The colour camera, or None where the file does not say.

    Raises:
        DataError: A value is no number.
    """
    keys = ("fx_color", "fy_color", "mx_color", "my_color", "colorWidth", "colorHeight")
    if any(key not in info for key in keys):
        return None
    entry = Entry(info, where)
    fx, fy, cx, cy = (entry.number(key) for key in keys[:4])
    return Intrinsics(fx, fy, cx, cy, entry.integer(keys[4]), entry.integer(keys[5]))
