"""Which questions have an answer among the detected objects (specification 6.1, 6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_chat_scene.objects.matching import LEAST_OVERLAP, best_proposals
from posealign_chat_scene.objects.proposals import attributes_of
from posealign_core.geometry import aabb_from_corners, move_corners
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_chat_scene.config import ObjectsConfig
    from posealign_core.pipeline import QueryPipeline
    from posealign_core.structures import Query

__all__ = ["learnable"]


def learnable(pipeline: QueryPipeline, objects: ObjectsConfig) -> frozenset[int]:
    """Places of the questions that can be learnt from.

    All, where objects are the scene's own. Else those without a named object, and those each of
    whose objects is overlapped by a proposal of its own.

    Args:
        pipeline: The questions.
        objects: Attribute files.

    Raises:
        DataError: A file is missing or damaged, or lists no such scan.
    """
    if not objects.proposals:
        return frozenset(range(len(pipeline.queries)))
    found: dict[tuple[str, int], int | None] = {}
    return frozenset(
        i
        for i, query in enumerate(pipeline.queries)
        if _is_covered(query, found, pipeline, objects)
    )


def _is_covered(
    query: Query,
    found: dict[tuple[str, int], int | None],
    pipeline: QueryPipeline,
    objects: ObjectsConfig,
) -> bool:
    if query.kind is TaskKind.ANSWER:
        return True
    for object_id in query.target_ids:
        if (query.scene_id, object_id) not in found:
            of_scan = _proposal_of_each(query.scene_id, pipeline, objects)
            found.update({(query.scene_id, i): row for i, row in of_scan.items()})
    rows = [found.get((query.scene_id, i)) for i in query.target_ids]
    return None not in rows and len(set(rows)) == len(rows)


def _proposal_of_each(
    scene_id: str, pipeline: QueryPipeline, objects: ObjectsConfig
) -> Mapping[int, int | None]:
    """The proposal that overlaps each object of a scan enough, or None."""
    boxes = _own_boxes(scene_id, pipeline, objects.ground_truth)
    proposals = attributes_of(scene_id, objects.proposals).boxes.astype(np.float64)
    if not boxes or not len(proposals):
        return dict.fromkeys(boxes)
    best, overlap = best_proposals(np.array(list(boxes.values())), proposals)
    return {
        object_id: int(row) if iou >= LEAST_OVERLAP else None
        for object_id, row, iou in zip(boxes, best, overlap, strict=True)
    }


def _own_boxes(
    scene_id: str, pipeline: QueryPipeline, files: tuple[Path, ...]
) -> Mapping[int, NDArray[np.float64]]:
    """Boxes of a scan's own objects along the axes, by id, from files or from the scan."""
    if files:
        found = attributes_of(scene_id, files)
        ids = found.object_ids or range(len(found.boxes))
        return dict(zip(ids, found.boxes.astype(np.float64), strict=False))
    scene = pipeline.scene(scene_id)
    table = scene.objects
    if table is None or table.corners is None:
        return {}
    boxes = aabb_from_corners(move_corners(scene.aligned_from_world, table.corners))
    return dict(zip(table.object_ids.tolist(), boxes, strict=True))
