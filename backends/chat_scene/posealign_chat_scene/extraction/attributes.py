"""Attribute files: names and boxes of the objects of each scan (chat_scene spec 2.2)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from posealign_chat_scene.extraction.objects import MAX_OBJECTS
from posealign_core.datasets.jobs import run_on_scans
from posealign_core.datasets.torch_files import save_torch
from posealign_core.errors import DataError
from posealign_core.geometry import aabb_of_points

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from posealign_chat_scene.extraction.objects import ObjectSource, ScanObjects
    from posealign_core.datasets.jobs import Outcome

__all__ = ["attributes_of", "make_attributes"]


def make_attributes(
    source: ObjectSource, scene_ids: Sequence[str], out: Path, *, jobs: int
) -> list[Outcome[Mapping[str, Any]]]:
    """Write an attribute file, unless a scan fails.

    Args:
        source: Where the objects come from.
        scene_ids: The scans.
        out: File to write, `scannet_mask3d_train_attributes.pt` for example.
        jobs: Processes.

    Returns:
        The entry of each scan, or why it has none.
    """
    work = partial(_entry, source)
    outcomes = run_on_scans(work, scene_ids, jobs=jobs, title="attributes")
    entries = {done.scene_id: done.result for done in outcomes if done.result is not None}
    if len(entries) == len(scene_ids):
        save_torch(out, entries)
    return outcomes


def _entry(source: ObjectSource, scene_id: str) -> Mapping[str, Any]:
    return attributes_of(source.read(scene_id))


def attributes_of(objects: ScanObjects) -> dict[str, Any]:
    """The entry of one scan.

    Returns:
        `objects`: all names. `locs`: (min(n, 100), 6) float32 `[centre, size]` in AXIS_ALIGNED,
        metres, zeros for an object without points. `obj_ids` only where an id is not the object's
        place in the list.

    Raises:
        DataError: A box is not finite.
    """
    points = objects.aligned_points
    boxes = [
        aabb_of_points(points[members]) if len(members) else np.zeros(6)
        for members in objects.members[:MAX_OBJECTS]
    ]
    locations = np.reshape(boxes, (-1, 6)).astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(locations).all(axis=1))
    if len(wrong):
        raise DataError(
            f"scan {objects.scene.scene_id!r}: wanted finite boxes, found NaN or Inf for object "
            f"{objects.object_ids[wrong[0]]}; its mesh is damaged, fetch it again"
        )
    entry = {"objects": list(objects.labels), "locs": torch.from_numpy(locations)}
    if objects.object_ids != tuple(range(len(objects))):
        entry["obj_ids"] = list(objects.object_ids[:MAX_OBJECTS])
    return entry
