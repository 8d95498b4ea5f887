"""Describing objects as Nr3D's annotators did (`nr3d_caption`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from posealign_core.benchmarks.base import Benchmark
from posealign_core.benchmarks.referit3d import Nr3D
from posealign_core.structures import Region
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from posealign_core.structures import Query

__all__ = ["Nr3DCaption"]


class Nr3DCaption(Benchmark):
    """Nr3D turned round: its object is given, its utterance is the reference; ids are Nr3D's."""

    name = "nr3d_caption"
    kind = TaskKind.CAPTION

    def queries(self, split: str) -> list[Query]:
        """All utterances of a split."""
        return [self._turned(query) for query in Nr3D(self.root).queries(split)]

    def _turned(self, query: Query) -> Query:
        return replace(
            query,
            benchmark=self.name,
            kind=self.kind,
            text="",
            references=(query.text,),
            region=Region(object_id=query.target_ids[0]),
        )
