"""Nr3D turned round: describe the object that an utterance is about (ll3da spec 5.1, 7.2)."""

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
    """Describes objects as Nr3D's annotators did; files are those of `Nr3D`.

    For training, one request per utterance, with Nr3D's id and the utterance as its reference.
    Otherwise, as in Scan2Cap, one request per described object with all its utterances, whose id
    is `scene|object_id`.
    """

    name = "nr3d_caption"
    kind = TaskKind.CAPTION

    def queries(self, split: str) -> list[Query]:
        """All utterances of the split `train`, or all described objects of another."""
        turned = [self._turned(query) for query in Nr3D(self.root).queries(split)]
        return turned if split == "train" else _one_per_object(turned)

    def _turned(self, query: Query) -> Query:
        return replace(
            query,
            benchmark=self.name,
            kind=self.kind,
            text="",
            references=(query.text,),
            region=Region(object_id=query.target_ids[0]),
        )


def _one_per_object(queries: list[Query]) -> list[Query]:
    described: dict[tuple[str, int], list[Query]] = {}
    for query in queries:
        described.setdefault((query.scene_id, query.target_ids[0]), []).append(query)
    return [
        replace(
            same[0],
            query_id=f"{scene_id}|{object_id}",
            references=tuple(text for query in same for text in query.references),
            annotated_pose=None,  # the utterances' own poses differ
            extra=_about_object(same[0]),
        )
        for (scene_id, object_id), same in described.items()
    ]


def _about_object(query: Query) -> dict[str, str]:
    """What a query says about its object, without what it says about its utterance."""
    named = query.extra.get("instance_type")
    return {} if named is None else {"object_name": named}
