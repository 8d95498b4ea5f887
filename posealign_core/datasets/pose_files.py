"""Camera poses on disk: one text file per frame, or one packed file per scan.

ScanNet's text trees hold 2.5 million files; a packed file holds the same numbers and opens at once.
Poses are camera-to-world, camera axes RDF, in the raw scan frame.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.atomic import atomic_path
from posealign_core.datasets.intrinsics_files import read_intrinsics
from posealign_core.datasets.safe_load import load_arrays
from posealign_core.errors import DataError, PoseNotFoundError
from posealign_core.geometry import Intrinsics, are_rigid
from posealign_core.structures import CameraTrajectory

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "PoseTree",
    "Recording",
    "frame_names",
    "read_packed",
    "read_pose_folder",
    "write_packed",
    "write_pose_text",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """The recorded cameras of one scan, as they lie on disk.

    Attributes:
        frame_ids: V names in recording order.
        world_from_camera: (V, 4, 4) float64; lost frames carry NaN or Inf.
        intrinsics: The scan's camera, or None where the files do not say.
    """

    frame_ids: tuple[str, ...]
    world_from_camera: NDArray[np.float64]
    intrinsics: Intrinsics | None

    @property
    def n_invalid(self) -> int:
        """Frames whose matrix is not a finite rigid pose."""
        return int((~are_rigid(self.world_from_camera)).sum())

    def equals(self, other: Recording) -> bool:
        """Whether both hold the same frames, poses and camera; NaN equals NaN."""
        return (self.frame_ids, self.intrinsics) == (
            other.frame_ids,
            other.intrinsics,
        ) and np.array_equal(self.world_from_camera, other.world_from_camera, equal_nan=True)

    def trajectory(self, scene_id: str, intrinsics: Intrinsics) -> CameraTrajectory:
        """The same cameras as the structure that the library works on."""
        return CameraTrajectory(
            scene_id=scene_id,
            frame_ids=self.frame_ids,
            world_from_camera=self.world_from_camera,
            intrinsics=(intrinsics,) * len(self.frame_ids),
        )


class PoseTree:
    """A folder of poses, in either form, with `packed/<scan>.npz` preferred.

    Args:
        root: Folder that holds `packed/` and the text trees `scans/<scan>/pose/<frame>.txt` (or
            `scans_test/`, or `<scan>/pose/` directly). Beside `pose/` an `intrinsics.json` may lie.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def packed_path(self, scene_id: str) -> Path:
        """Where the packed poses of a scan are or would be."""
        return self.root / "packed" / f"{scene_id}.npz"

    def text_folder(self, scene_id: str) -> Path | None:
        """The folder with a scan's pose texts, or None."""
        scans = (self.root / "scans", self.root / "scans_test", self.root)
        folders = (parent / scene_id / "pose" for parent in scans)
        return next((folder for folder in folders if folder.is_dir()), None)

    def text_scene_ids(self) -> list[str]:
        """Scans that have pose texts, sorted."""
        scans = (self.root / "scans", self.root / "scans_test", self.root)
        return sorted({folder.parent.name for s in scans for folder in s.glob("*/pose")})

    def holds(self, scene_id: str) -> bool:
        """Whether the tree has poses of a scan, in either form."""
        return self.packed_path(scene_id).is_file() or self.text_folder(scene_id) is not None

    def read(self, scene_id: str) -> Recording:
        """Read the poses of one scan.

        Raises:
            PoseNotFoundError: The tree has none.
            DataError: A file is damaged.
        """
        packed = self.packed_path(scene_id)
        if packed.is_file():
            return read_packed(packed)
        folder = self.text_folder(scene_id)
        if folder is None:
            raise PoseNotFoundError(
                f"scan {scene_id!r}: wanted poses in {packed} or as scans/{scene_id}/pose/*.txt "
                f"under {self.root}, found neither; 'posealign data extract-poses' makes them "
                "from .sens files"
            )
        return read_pose_folder(folder)


def frame_names(folder: Path) -> tuple[str, ...]:
    """Names of the frames of a folder of pose texts, in the order of their numbers.

    Raises:
        DataError: A text file has no frame number as its name.
    """
    with os.scandir(folder) as listing:
        names = [entry.name[:-4] for entry in listing if entry.name.endswith(".txt")]
    wrong = [name for name in names if not name.isdecimal()]
    if wrong:
        raise DataError(f"{folder}: wanted files named <frame number>.txt, found {wrong[0]!r}.txt")
    return tuple(sorted(names, key=int))


def read_pose_folder(folder: Path) -> Recording:
    """Read a folder of pose texts, in the order of their frame numbers.

    An empty file is a frame whose export was cut off; it is kept as an invalid row.

    Raises:
        PoseNotFoundError: The folder has no pose texts.
        DataError: A file has no frame number as its name, or not 16 numbers in it.
    """
    names = frame_names(folder)
    if not names:
        raise PoseNotFoundError(f"{folder}: wanted <frame number>.txt files, found none")
    poses = np.array([_read_pose(folder / f"{name}.txt") for name in names])
    camera = folder.parent / "intrinsics.json"
    return Recording(
        frame_ids=names,
        world_from_camera=poses.reshape(-1, 4, 4),
        intrinsics=read_intrinsics(camera, 1)[0] if camera.is_file() else None,
    )


def _read_pose(path: Path) -> list[float]:
    try:
        numbers = [float(word) for word in path.read_bytes().split()]
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: wanted 4 rows of 4 numbers ({error})") from error
    if len(numbers) not in {0, 16}:
        raise DataError(f"{path}: wanted 4 rows of 4 numbers, found {len(numbers)} numbers")
    return numbers or [np.nan] * 16


def write_pose_text(path: Path, matrix: NDArray[np.float64]) -> None:
    """Write one pose as four rows of four numbers with six decimals, as ScanNet's exporter does."""
    rows = (" ".join(f"{number:f}" for number in row) for row in matrix.tolist())
    path.write_text("\n".join(rows) + "\n", encoding="ascii")


def read_packed(path: Path) -> Recording:
    """Read a file of `write_packed`.

    Raises:
        DataError: The file is missing or damaged, or its arrays do not fit together.
    """
    arrays = load_arrays(path, ("frame_ids", "world_from_camera", "intrinsics", "image_size"))
    poses, camera = arrays["world_from_camera"], arrays["intrinsics"]
    frame_ids = tuple(str(name) for name in arrays["frame_ids"].ravel())
    if poses.shape != (len(frame_ids), 4, 4) or len(camera) not in {0, 4}:
        raise DataError(
            f"{path}: wanted poses ({len(frame_ids)}, 4, 4) and 4 intrinsics, found "
            f"{poses.shape} and {camera.shape}; make it again with 'posealign data pack-poses'"
        )
    intrinsics = None
    if len(camera):
        fx, fy, cx, cy = (float(number) for number in camera)
        width, height = (int(side) for side in arrays["image_size"])
        intrinsics = Intrinsics(fx, fy, cx, cy, width, height)
    return Recording(
        frame_ids=frame_ids, world_from_camera=poses.astype(np.float64), intrinsics=intrinsics
    )


def write_packed(path: Path, recording: Recording) -> None:
    """Write a scan's poses to one file, whole or not at all.

    Arrays: `frame_ids` text (V,), `world_from_camera` float64 (V, 4, 4), `intrinsics` float64 (4,)
    `fx fy cx cy` in pixels and `image_size` int64 (2,) width and height, both empty where unknown.
    """
    camera = recording.intrinsics
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            frame_ids=np.array(recording.frame_ids, dtype=np.str_),
            world_from_camera=recording.world_from_camera,
            intrinsics=[] if camera is None else [camera.fx, camera.fy, camera.cx, camera.cy],
            image_size=np.array([] if camera is None else [camera.width, camera.height], int),
        )
