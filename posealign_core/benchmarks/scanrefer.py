"""ScanRefer: one object per description (benchmarks spec 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.benchmarks.annotated_cameras import with_annotated_cameras
from posealign_core.benchmarks.base import Benchmark
from posealign_core.benchmarks.query_poses import complete_queries
from posealign_core.datasets.entries import read_entries
from posealign_core.datasets.files import find_file
from posealign_core.structures import Query
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.datasets.entries import Entry

__all__ = ["ScanRefer", "find_descriptions"]


class ScanRefer(Benchmark):
    """`ScanRefer_filtered_<split>.json`; ids are `scene|object_id|ann_id`.

    Annotated cameras (`annotated_cameras*`) and pose files beside it are read where present.
    """

    name = "scanrefer"
    kind = TaskKind.GROUND

    def queries(self, split: str) -> list[Query]:
        """All descriptions of a split (`train`, `val`, `test`)."""
        path = find_descriptions(self.root, split)
        queries = [self._query(entry, split) for entry in read_entries(path)]
        queries = complete_queries(queries, path, self.name, split)
        return with_annotated_cameras(queries, path.parent)

    def _query(self, entry: Entry, split: str) -> Query:
        scene_id, ann_id = entry.text("scene_id"), entry.integer("ann_id")
        object_id = entry.integer("object_id") if "object_id" in entry else None
        return Query(
            query_id=f"{scene_id}|{'' if object_id is None else object_id}|{ann_id}",
            benchmark=self.name,
            split=split,
            scene_id=scene_id,
            kind=self.kind,
            text=entry.text("description"),
            target_ids=() if object_id is None else (object_id,),
            extra={"object_name": entry.text("object_name"), "ann_id": str(ann_id)},
        )


def find_descriptions(root: Path, split: str) -> Path:
    """ScanRefer's file of a split.

    Raises:
        DataError: There is none.
    """
    return find_file(root, [f"ScanRefer_filtered_{split}.json"])
