"""Multi3DRefer: no, one or several objects per description (benchmarks spec 4.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.benchmarks.base import Benchmark
from posealign_core.benchmarks.query_poses import as_text, complete_queries
from posealign_core.datasets.entries import read_entries
from posealign_core.datasets.files import find_file
from posealign_core.structures import Query
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from posealign_core.datasets.entries import Entry

__all__ = ["Multi3DRefer"]

_EXTRA = ("object_name", "eval_type", "spatial", "color", "texture", "shape")


class Multi3DRefer(Benchmark):
    """`multi3drefer_<split>.json`; ids are `scene|ann_id`."""

    name = "multi3drefer"
    kind = TaskKind.GROUND

    def queries(self, split: str) -> list[Query]:
        """All descriptions of a split (`train`, `val`)."""
        path = find_file(self.root, [f"multi3drefer_{split}.json"])
        queries = [self._query(entry, split) for entry in read_entries(path)]
        return complete_queries(queries, path, self.name, split)

    def _query(self, entry: Entry, split: str) -> Query:
        scene_id, ann_id = entry.text("scene_id", "scan_id"), entry.integer("ann_id")
        extra = {key: as_text(entry.get(key)) for key in _EXTRA if key in entry}
        return Query(
            query_id=f"{scene_id}|{ann_id}",
            benchmark=self.name,
            split=split,
            scene_id=scene_id,
            kind=self.kind,
            text=entry.text("description", "utterance"),
            target_ids=entry.integers("object_ids"),
            extra={**extra, "ann_id": str(ann_id)},
        )
