"""Scan2Cap: describe each object that ScanRefer describes (benchmarks spec 4.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.benchmarks.base import Benchmark
from posealign_core.benchmarks.query_poses import complete_queries
from posealign_core.benchmarks.scanrefer import find_descriptions
from posealign_core.datasets.entries import read_entries
from posealign_core.structures import Query, Region
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from posealign_core.datasets.entries import Entry

__all__ = ["Scan2Cap"]


class Scan2Cap(Benchmark):
    """One captioning request per described object; ids are `scene|object_id`.

    References are the object's ScanRefer descriptions, in file order and as written; wrapping and
    truncating them is for the metric.
    """

    name = "scan2cap"
    kind = TaskKind.CAPTION

    def queries(self, split: str) -> list[Query]:
        """All described objects of a split (`train`, `val`)."""
        path = find_descriptions(self.root, split)
        described: dict[tuple[str, int], list[Entry]] = {}
        for entry in read_entries(path):
            key = entry.text("scene_id"), entry.integer("object_id")
            described.setdefault(key, []).append(entry)
        queries = [self._query(*key, entries, split) for key, entries in described.items()]
        return complete_queries(queries, path, self.name, split)

    def _query(self, scene_id: str, object_id: int, entries: list[Entry], split: str) -> Query:
        return Query(
            query_id=f"{scene_id}|{object_id}",
            benchmark=self.name,
            split=split,
            scene_id=scene_id,
            kind=self.kind,
            text="",
            target_ids=(object_id,),
            references=tuple(entry.text("description") for entry in entries),
            region=Region(object_id=object_id),
            extra={"object_name": entries[0].text("object_name")},
        )
