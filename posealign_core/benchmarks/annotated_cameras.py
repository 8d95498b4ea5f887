"""ScanRefer's annotated cameras: where each description was written from.

Format (thin: paper_results spec 2.5): entries with `scene_id`, `object_id`, `ann_id` and `camera`
with `position`, `rotation` and `lookat`, in the raw scan frame. How they are spread over files is
not documented, so every JSON file named `annotated_cameras*`, or in a folder of that name, is read.
The view is taken from `position` to `lookat` with z up (inferred); the convention of `rotation` is
unknown, and it is not used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.benchmarks.viewpoints import upright_camera
from posealign_core.datasets.entries import Entry, read_entries
from posealign_core.datasets.numbers import numeric_array
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.geometry import RigidTransform
    from posealign_core.structures import Query

__all__ = ["with_annotated_cameras"]


def with_annotated_cameras(queries: list[Query], root: Path) -> list[Query]:
    """Give queries without a pose the annotated camera of their description, where there is one.

    Args:
        queries: ScanRefer queries.
        root: Folder with the annotation files; cameras lie there or one folder down.

    Raises:
        DataError: A camera file is damaged, or describes a description twice.
    """
    cameras: dict[str, RigidTransform] = {}
    for path in _camera_files(root):
        for entry in read_entries(path):
            key = "|".join(entry.text(part) for part in ("scene_id", "object_id", "ann_id"))
            if key in cameras:
                raise DataError(f"{entry.where}: the camera of {key!r} is there twice; remove one")
            cameras[key] = _camera(entry)
    return [
        replace(query, annotated_pose=query.annotated_pose or cameras.get(query.query_id))
        for query in queries
    ]


def _camera_files(root: Path) -> list[Path]:
    stem = "annotated_cameras"
    patterns = (f"{stem}*.json", f"*/{stem}*.json", f"{stem}/*.json", f"*/{stem}/*.json")
    return sorted({path for pattern in patterns for path in root.glob(pattern)})


def _camera(entry: Entry) -> RigidTransform:
    camera = Entry(entry.get("camera"), f"{entry.where}, camera")
    position, target = (_vector(camera, key) for key in ("position", "lookat"))
    try:
        return upright_camera(position, target - position, (0.0, 0.0, 1.0))
    except DataError as error:
        raise DataError(f"{camera.where}: {error}") from error


def _vector(entry: Entry, key: str) -> NDArray[np.float64]:
    value: Any = entry.get(key)
    if isinstance(value, dict):
        named = Entry(value, f"{entry.where}, {key}")
        value = [named.number(axis, f"_{axis}") for axis in "xyz"]
    return numeric_array(f"{entry.where}, {key}", value, (3,), np.float64)
