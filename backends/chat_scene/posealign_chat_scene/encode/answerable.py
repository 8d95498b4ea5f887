"""What an answer may name, so that identifiers can be read as objects and boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import aabb_from_corners, aabb_iou, move_corners
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_chat_scene.objects.proposals import Proposals
    from posealign_core.structures import AlignedSample

__all__ = ["Answerable", "answerable"]

NOBODY = -1
"""Where a proposal is no object of the scene."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answerable:
    """The n objects that a question could be answered with.

    Attributes:
        kind: What kind of answer is wanted.
        many: Whether any number of objects may be named.
        object_ids: (n,) int64 the scene's own object that each one is, or `NOBODY`.
        corners: (n, 8, 3) float64 box corners in INPUT, metres, or None.
        shown: Row of the object that a caption describes.
        detected: Whether a detector proposed them.
    """

    kind: TaskKind
    many: bool
    object_ids: NDArray[np.int64]
    corners: NDArray[np.float64] | None
    shown: int | None
    detected: bool

    def __len__(self) -> int:
        return len(self.object_ids)


def answerable(sample: AlignedSample, proposals: Proposals, shown: int | None) -> Answerable:
    """Prepare reading the answer to a question.

    Args:
        sample: The question.
        proposals: The objects in slots.
        shown: Row of the object that a caption describes.
    """
    query = sample.query
    ids = proposals.object_ids
    if proposals.are_detected:
        ids = np.full(len(proposals), NOBODY)
        if query.kind is TaskKind.SELECT:
            ids = _nearest_candidates(sample, proposals)
    return Answerable(
        kind=query.kind,
        many=query.kind is TaskKind.GROUND and query.benchmark == "multi3drefer",
        object_ids=ids,
        corners=proposals.corners,
        shown=shown,
        detected=proposals.are_detected,
    )


def _nearest_candidates(sample: AlignedSample, proposals: Proposals) -> NDArray[np.int64]:
    """For each proposal the candidate that it overlaps most (IoU), or `NOBODY` for none."""
    table = sample.scene.objects
    if table is None or table.corners is None or len(table) == 0:
        return np.full(len(proposals), NOBODY)
    wanted = sample.query.candidates or tuple(table.object_ids.tolist())
    rows = np.flatnonzero(np.isin(table.object_ids, wanted))
    if len(rows) == 0:
        return np.full(len(proposals), NOBODY)
    boxes = aabb_from_corners(move_corners(proposals.aligned_from_input, table.corners[rows]))
    overlap = aabb_iou(proposals.boxes, boxes)
    best = table.object_ids[rows[overlap.argmax(axis=1)]]
    found: NDArray[np.int64] = np.where(overlap.max(axis=1) > 0, best, NOBODY)
    return found
