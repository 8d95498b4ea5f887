"""One file per finished scene: what goes into the joint files, and the sign that it is finished."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import write_text
from posealign_core.datasets.files import read_json
from posealign_rooms.annotate import annotate

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_rooms.annotate import Row
    from posealign_rooms.plan import RoomPlan

__all__ = ["Shard", "read_shards", "shard_path", "write_shard"]


class Shard:
    """The joint files' share of one scene.

    Attributes:
        scene_id: The scene.
        split: Its split.
        annotations: Rows by `<benchmark>_<split>`.
        labels: Category of each object, by id.
        boxes: (K, 6) `[centre, size]` of each object in AXIS_ALIGNED, metres, as lists.
        aligned_from_world: 4x4, as lists.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self.scene_id: str = values["scene_id"]
        self.split: str = values["split"]
        self.annotations: dict[str, list[Row]] = values["annotations"]
        self.labels: list[str] = values["labels"]
        self.boxes: list[list[float]] = values["boxes"]
        self.aligned_from_world: list[list[float]] = values["aligned_from_world"]


def shard_path(root: Path, scene_id: str) -> Path:
    """Where a scene's share lies; it is written last."""
    return root / "shards" / f"{scene_id}.json"


def write_shard(root: Path, plan: RoomPlan, index: int, boxes: list[list[float]]) -> None:
    """Write the share of a scene whose other files are all written."""
    values = {
        "scene_id": plan.scene_id,
        "split": plan.split,
        "annotations": annotate(plan, index),
        "labels": [o.kind for o in plan.layout.objects],
        "boxes": boxes,
        "aligned_from_world": plan.layout.aligned_from_world.matrix.round(6).tolist(),
    }
    write_text(shard_path(root, plan.scene_id), json.dumps(values))


def read_shards(root: Path, scene_ids: list[str]) -> list[Shard]:
    """Read the shares of these scenes, in order."""
    return [Shard(read_json(shard_path(root, scene_id))) for scene_id in scene_ids]
