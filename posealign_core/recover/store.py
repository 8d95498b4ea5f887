"""Visibility tables on disk, in the published `.npz` layout with our fields beside it."""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.atomic import atomic_path
from posealign_core.errors import DataError
from posealign_core.geometry.intrinsics import Intrinsics
from posealign_core.recover.frames import usable_frames
from posealign_core.recover.rules import RELEASED_SCALE, RELEASED_TOLERANCE_M
from posealign_core.structures import CameraTrajectory, FrameCounts, VisibilityTable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DamagedTableError", "load_table", "save_table", "table_path"]

_PUBLISHED_KEYS = ("cam_object_intersections", "pose_files", "valid_object_ids")
_OWN_KEYS = ("scene_id", "world_from_camera", "intrinsics", "rule", "numbers", "counts", "digest")
_PUBLISHED_EVERY = 25


class DamagedTableError(DataError):
    """A file is no readable visibility table."""


def table_path(folder: Path, scene_id: str) -> Path:
    """Where the table of a scan lies, under the name that the released code looks for."""
    return folder / f"{scene_id}_view_instance_intersection_with_visibility.npz"


def save_table(path: Path, table: VisibilityTable) -> None:
    """Write a table in one step: `path` is never half-written.

    The released code reads `cam_object_intersections` (V, K) float32, `pose_files` (V,) and
    `valid_object_ids` (K,), and does not mind the rest.

    Raises:
        PoseAlignError: The file cannot be written.
    """
    trajectory = table.trajectory
    cameras = [(c.fx, c.fy, c.cx, c.cy, c.width, c.height) for c in trajectory.intrinsics]
    counts = table.counts
    arrays: dict[str, Any] = {
        "cam_object_intersections": table.scores,
        "pose_files": np.array([f"{name}.txt" for name in trajectory.frame_ids]),
        "valid_object_ids": table.object_ids,
        "scene_id": np.array(table.scene_id),
        "world_from_camera": trajectory.world_from_camera,
        "intrinsics": np.array(cameras, dtype=np.float64).reshape(-1, 6),
        "rule": np.array(table.rule),
        "numbers": np.array([table.image_scale, table.depth_tolerance_m]),
        "counts": np.array([counts.recorded, counts.rejected, counts.every, counts.kept]),
        "digest": np.array(table.digest),
    }
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **arrays)


def load_table(path: Path, trajectory: CameraTrajectory | None = None) -> VisibilityTable:
    """Read a table: one of ours, or one that the release published.

    Args:
        path: The `.npz` file.
        trajectory: The scan's recorded frames. Published files name their frames but hold neither
            poses nor cameras, so they cannot be read without; ours can.

    Raises:
        DamagedTableError: The file is damaged or of another kind.
        DataError: The file is missing, or is a published one and `trajectory` is None or lacks a
            frame that it names.
    """
    arrays = _read_arrays(path)
    try:
        if "digest" in arrays:
            return _own_table(arrays)
        return _published_table(arrays, path, trajectory)
    except (KeyError, ValueError, TypeError) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error


def _read_arrays(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise DataError(
            f"wanted the visibility table {str(path)!r}, found no such file; make it with "
            "'posealign recover'"
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from error
    own = _OWN_KEYS if "digest" in arrays else ()
    missing = [key for key in (*_PUBLISHED_KEYS, *own) if key not in arrays]
    if missing:
        raise _damaged(path, f"no array {', '.join(missing)}")
    return arrays


def _damaged(path: Path, reason: str) -> DamagedTableError:
    return DamagedTableError(
        f"visibility table {str(path)!r} is damaged or of another kind ({reason}); delete it and "
        "run 'posealign recover' again"
    )


def _own_table(arrays: Mapping[str, Any]) -> VisibilityTable:
    recorded, rejected, every, kept = (int(n) for n in arrays["counts"])
    scale, tolerance = (float(x) for x in arrays["numbers"])
    cameras = tuple(
        Intrinsics(fx, fy, cx, cy, int(width), int(height))
        for fx, fy, cx, cy, width, height in arrays["intrinsics"].tolist()
    )
    return VisibilityTable(
        trajectory=CameraTrajectory(
            scene_id=str(arrays["scene_id"]),
            frame_ids=_frame_ids(arrays),
            world_from_camera=arrays["world_from_camera"],
            intrinsics=cameras,
        ),
        object_ids=arrays["valid_object_ids"],
        scores=arrays["cam_object_intersections"],
        rule=str(arrays["rule"]),
        image_scale=scale,
        depth_tolerance_m=tolerance,
        counts=FrameCounts(recorded=recorded, rejected=rejected, every=every, kept=kept),
        digest=str(arrays["digest"]),
    )


def _published_table(
    arrays: Mapping[str, Any], path: Path, trajectory: CameraTrajectory | None
) -> VisibilityTable:
    if trajectory is None:
        raise DataError(
            f"visibility table {str(path)!r} is a published one, which holds no camera poses; "
            "give the scan's trajectory with it"
        )
    rows = {name: row for row, name in enumerate(trajectory.frame_ids)}
    usable = usable_frames(trajectory)
    names = _frame_ids(arrays)
    absent = [name for name in names if rows.get(name) not in usable]
    if absent:
        raise DataError(
            f"visibility table {str(path)!r} names {len(absent)} frames that scene "
            f"{trajectory.scene_id!r} has no usable pose for, {absent[0]!r} for example; the table "
            "and the poses come from different exports"
        )
    return VisibilityTable(
        trajectory=trajectory.subset([rows[name] for name in names]),
        object_ids=arrays["valid_object_ids"],
        scores=arrays["cam_object_intersections"],
        rule="released",
        image_scale=RELEASED_SCALE,
        depth_tolerance_m=RELEASED_TOLERANCE_M,
        counts=FrameCounts(
            recorded=len(trajectory),
            rejected=len(trajectory) - len(usable),
            every=_PUBLISHED_EVERY,
            kept=len(names),
        ),
        digest="",
    )


def _frame_ids(arrays: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(name).removesuffix(".txt") for name in arrays["pose_files"])
