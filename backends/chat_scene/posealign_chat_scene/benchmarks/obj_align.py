"""Saying what each object is (`obj_align`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.benchmarks.base import Benchmark
from posealign_core.datasets.files import find_file
from posealign_core.datasets.proposals import read_attributes
from posealign_core.structures import Query, Region
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posealign_core.datasets.proposals import SceneAttributes

__all__ = ["ObjAlign"]

_UNSAID = ("wall", "ceiling", "floor", "object", "item")
"""An object whose category holds one of these is left out."""


class ObjAlign(Benchmark):
    """One request per annotated object; ids are `scene|object_id`, the reference is its category.

    Reads `scannet_<split>_attributes.pt`, as published.
    """

    name = "obj_align"
    kind = TaskKind.CAPTION

    def queries(self, split: str) -> list[Query]:
        """All objects of a split that are worth a name."""
        attributes = read_attributes(find_file(self.root, [f"scannet_{split}_attributes.pt"]))
        return [
            Query(
                query_id=f"{scene_id}|{object_id}",
                benchmark=self.name,
                split=split,
                scene_id=scene_id,
                kind=self.kind,
                text="",
                target_ids=(object_id,),
                references=(label,),
                region=Region(object_id=object_id),
            )
            for scene_id, found in attributes.items()
            for object_id, label in _named(found)
        ]


def _named(found: SceneAttributes) -> Iterator[tuple[int, str]]:
    """Id and category of the objects that have a box and a name."""
    ids = range(len(found.labels)) if found.object_ids is None else found.object_ids
    for object_id, label, box in zip(ids, found.labels, found.boxes, strict=False):
        if box[3:].any() and not any(word in label for word in _UNSAID):
            yield object_id, label
