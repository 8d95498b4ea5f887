"""The files of one scene in the generic folder format (docs/own_data_format.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.datasets.entries import Entry, read_entries
from posealign_core.datasets.files import read_json, read_text
from posealign_core.datasets.meshes import read_ply
from posealign_core.datasets.numbers import numeric_array, require_finite
from posealign_core.datasets.pose_files import read_pose_folder
from posealign_core.datasets.safe_load import load_array, load_arrays
from posealign_core.errors import DataError, PoseNotFoundError, ShapeError
from posealign_core.geometry import (
    CameraAxes,
    Frame,
    PoseDirection,
    RigidTransform,
    corners_from_aabb,
    world_from_camera_rdf,
)
from posealign_core.structures import ObjectTable

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SceneSettings", "read_cloud", "read_objects", "read_poses"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SceneSettings:
    """What `scene.json` states; the defaults hold where it is absent.

    Attributes:
        up: (3,) direction against gravity, in WORLD.
        camera_axes: What the camera's x, y, z point at.
        pose_direction: Which way the stored matrices map.
        aligned_from_world: Turn of walls onto the axes.
    """

    up: NDArray[np.float64]
    camera_axes: CameraAxes
    pose_direction: PoseDirection
    aligned_from_world: RigidTransform

    @classmethod
    def read(cls, folder: Path) -> SceneSettings:
        """Read `scene.json` of a scene folder.

        Raises:
            DataError: It is damaged, has an unknown key, or a value out of its range.
        """
        path = folder / "scene.json"
        entry = Entry(read_json(path) if path.is_file() else {}, str(path))
        known = {"up", "camera_axes", "pose_direction", "aligned_from_world"}
        unknown = sorted(set(entry.values) - known)
        if unknown:
            raise DataError(f"{path}: wanted keys of {sorted(known)}, found {unknown}")
        matrix = entry.values.get("aligned_from_world", np.eye(4))
        try:
            return cls(
                up=numeric_array(f"{path}: up", entry.values.get("up", [0, 0, 1]), (3,), float),
                camera_axes=CameraAxes(entry.values.get("camera_axes", "rdf")),
                pose_direction=PoseDirection(entry.values.get("pose_direction", "camera_to_world")),
                aligned_from_world=RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.WORLD),
            )
        except ValueError as error:
            raise DataError(f"{path}: {error}") from error

    def world_from_camera(self, matrices: Any) -> NDArray[np.float64]:
        """Stored matrices (..., 4, 4) as camera-to-world with RDF axes."""
        return world_from_camera_rdf(matrices, axes=self.camera_axes, direction=self.pose_direction)


@dataclass(frozen=True, kw_only=True, eq=False)
class Cloud:
    """The points of a scene file; optional arrays are None where it lacks them.

    Attributes:
        points: (N, 3) float64 metres, finite.
        colors: (N, 3) uint8 red, green, blue.
        normals: (N, 3) float64 unit vectors.
        instance_ids: (N,) int64, -1 for none.
        superpoint_ids: (N,) int64.
    """

    points: NDArray[np.float64]
    colors: NDArray[np.uint8] | None = None
    normals: NDArray[np.float64] | None = None
    instance_ids: NDArray[np.int64] | None = None
    superpoint_ids: NDArray[np.int64] | None = None


def read_cloud(folder: Path) -> Cloud:
    """Read `points.ply`, `points.npz` or `points.npy`.

    Raises:
        DataError: There is none, or more than one, or it is damaged or not finite.
    """
    paths = [folder / f"points{ending}" for ending in (".ply", ".npz", ".npy")]
    present = [path for path in paths if path.is_file()]
    if len(present) != 1:
        raise DataError(
            f"{folder}: wanted one of points.ply, points.npz, points.npy, found "
            f"{[path.name for path in present] or 'none'}"
        )
    path = present[0]
    if path.suffix == ".ply":
        mesh = read_ply(path)
        return Cloud(points=mesh.points, colors=mesh.colors, normals=mesh.normals)
    if path.suffix == ".npz":
        return _cloud(load_arrays(path), path)
    array = numeric_array(str(path), load_array(path), (None, None), np.float64)
    if array.shape[1] not in {3, 6}:
        raise DataError(f"{path}: wanted 3 or 6 columns, found {array.shape[1]}")
    arrays = {"points": array[:, :3]}
    return _cloud(arrays | ({"colors": array[:, 3:]} if array.shape[1] == 6 else {}), path)


def _cloud(arrays: dict[str, NDArray[Any]], path: Path) -> Cloud:
    known: dict[str, tuple[tuple[int, ...], type]] = {
        "points": ((3,), np.float64),
        "colors": ((3,), np.uint8),
        "normals": ((3,), np.float64),
        "instance_ids": ((), np.int64),
        "superpoint_ids": ((), np.int64),
    }
    if "points" not in arrays or not arrays.keys() <= known.keys():
        raise DataError(
            f"{path}: wanted 'points' and arrays of {list(known)}, found {list(arrays)}"
        )
    colors = arrays.get("colors")
    if colors is not None and colors.size and not 0 <= colors.min() <= colors.max() <= 255:
        raise DataError(
            f"{path}: wanted colours from 0 to 255, found {colors.min()} to {colors.max()}"
        )
    if colors is not None:
        arrays = arrays | {"colors": np.rint(colors)}
    n = len(np.atleast_1d(arrays["points"]))
    checked = {
        name: numeric_array(f"{path}: {name}", array, (n, *known[name][0]), known[name][1])
        for name, array in arrays.items()
    }
    require_finite(checked["points"], str(path))
    return Cloud(**checked)


def read_poses(folder: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Read `poses.npy`, `poses.txt` or `poses/<frame>.txt`, as stored.

    Returns:
        V frame names, and the matrices (V, 4, 4) in the stated convention.

    Raises:
        PoseNotFoundError: There is none of them.
        DataError: There are several, or one is damaged.
    """
    forms = [folder / name for name in ("poses.npy", "poses.txt", "poses")]
    present = [path for path in forms if path.exists()]
    if not present:
        raise PoseNotFoundError(
            f"{folder}: wanted poses.npy, poses.txt or poses/<frame>.txt, found none"
        )
    if len(present) > 1:
        raise DataError(f"{folder}: wanted poses in one form, found {[p.name for p in present]}")
    path = present[0]
    if path.is_dir():
        recording = read_pose_folder(path)
        return recording.frame_ids, recording.world_from_camera
    if path.suffix == ".txt":
        return _read_pose_lines(path)
    poses = numeric_array(str(path), load_array(path), (None, 4, 4), np.float64)
    return tuple(str(i) for i in range(len(poses))), poses


def _read_pose_lines(path: Path) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """One frame per line: 16 numbers, row by row, with the frame's name before them or not."""
    names: list[str] = []
    rows: list[list[str]] = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) not in {16, 17}:
            raise DataError(
                f"{path}, line {number}: wanted 16 numbers, or a name and 16 numbers, found "
                f"{len(words)} words"
            )
        names.append(words[0] if len(words) == 17 else str(len(names)))
        rows.append(words[-16:])
    if len(set(names)) != len(names):
        raise DataError(f"{path}: wanted distinct frame names, found one twice")
    poses = numeric_array(str(path), np.reshape(rows, (-1, 16)), (None, 16), np.float64)
    return tuple(names), poses.reshape(-1, 4, 4)


def read_objects(folder: Path) -> ObjectTable | None:
    """Read `boxes.json` or `centers.json`, or None where the scene has neither.

    Raises:
        DataError: It is damaged, or an object is in it twice.
    """
    boxes, centers = folder / "boxes.json", folder / "centers.json"
    path = boxes if boxes.is_file() else centers
    if not path.is_file():
        return None
    entries = sorted(read_entries(path), key=lambda entry: entry.integer("id"))
    ids = np.array([entry.integer("id") for entry in entries], np.int64)
    corners = [_box_corners(entry) for entry in entries] if path == boxes else None
    if corners is None:
        middle = [numeric_array(e.where, e.get("center"), (3,), np.float64) for e in entries]
    else:
        middle = [box.mean(axis=0) for box in corners]
    try:
        return ObjectTable(
            object_ids=ids,
            labels=tuple(e.text("label") if "label" in e else "" for e in entries),
            centers=np.reshape(middle, (-1, 3)),
            corners=None if corners is None else np.reshape(corners, (-1, 8, 3)),
        )
    except ShapeError as error:
        raise DataError(f"{path}: {error}") from error


def _box_corners(entry: Entry) -> NDArray[np.float64]:
    if "corners" in entry:
        return numeric_array(f"{entry.where}, corners", entry.get("corners"), (8, 3), np.float64)
    center = numeric_array(f"{entry.where}, center", entry.get("center"), (3,), np.float64)
    size = numeric_array(f"{entry.where}, size", entry.get("size"), (3,), np.float64)
    if (size < 0).any():
        raise DataError(f"{entry.where}: wanted sizes of at least 0, found {size.tolist()}")
    world_from_box = np.eye(4)
    world_from_box[:3, 3] = center
    if "rotation" in entry:
        world_from_box[:3, :3] = numeric_array(
            f"{entry.where}, rotation", entry.get("rotation"), (3, 3), np.float64
        )
    try:
        transform = RigidTransform(world_from_box, Frame.WORLD, Frame.WORLD)
    except ShapeError as error:
        raise DataError(f"{entry.where}: {error}") from error
    return transform.apply(corners_from_aabb([0.0, 0.0, 0.0, *size])[0])
