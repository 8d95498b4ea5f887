"""Cameras as JSON: `fx fy cx cy width height`, one for a scan or a list with one per frame."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import atomic_path
from posealign_core.datasets.entries import Entry
from posealign_core.datasets.files import read_json
from posealign_core.errors import DataError, ShapeError
from posealign_core.geometry import Intrinsics

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_intrinsics", "write_intrinsics"]


def read_intrinsics(path: Path, n_frames: int) -> tuple[Intrinsics, ...]:
    """Read the camera of each frame.

    Args:
        path: A JSON file with one camera, or with a list of `n_frames` cameras in frame order.
        n_frames: Number of frames of the scan.

    Raises:
        DataError: The file is missing or damaged, or lists another number of cameras.
    """
    values = read_json(path)
    if not isinstance(values, list):
        return (_camera(values, str(path)),) * n_frames
    if len(values) != n_frames:
        raise DataError(
            f"{path}: wanted one camera, or one for each of {n_frames} frames, found {len(values)}"
        )
    return tuple(_camera(value, f"{path}, entry {i}") for i, value in enumerate(values))


def write_intrinsics(path: Path, intrinsics: Intrinsics) -> None:
    """Write the one camera of a scan."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(dataclasses.asdict(intrinsics), indent=2) + "\n")


def _camera(value: Any, where: str) -> Intrinsics:
    entry = Entry(value, where)
    try:
        return Intrinsics(
            fx=entry.number("fx"),
            fy=entry.number("fy"),
            cx=entry.number("cx"),
            cy=entry.number("cy"),
            width=entry.integer("width"),
            height=entry.integer("height"),
        )
    except ShapeError as error:
        raise DataError(f"{where}: {error}") from error
