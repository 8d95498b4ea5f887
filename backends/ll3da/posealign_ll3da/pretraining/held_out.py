"""Asks a pre-trained model about rooms that it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import aabb_from_corners, aabb_iou
from posealign_core.vocabulary import TaskKind
from posealign_ll3da.encode.boxes import object_boxes
from posealign_ll3da.pretraining.detector import share_detected
from posealign_ll3da.pretraining.rooms import draw_rows, draw_samples, room_encoder
from posealign_rooms.pretraining import RoomBank, share_right, text_or_objects

if TYPE_CHECKING:
    from posealign_core.backbone import RawAnswer
    from posealign_core.structures import AlignedSample
    from posealign_ll3da.backbone import Ll3daBackbone

__all__ = ["held_out", "is_right"]

_SEED = 10**9
_LEAST_IOU = 0.25


def held_out(backbone: Ll3daBackbone, n_rooms: int, *, device: str) -> dict[str, tuple[float, int]]:
    """Share of right answers and number of questions, by kind and family and as `"all"`.

    `"detected"` is the share of objects that the detector finds.

    Args:
        backbone: In evaluation mode.
        n_rooms: New rooms to ask about.
        device: Where the backbone is.
    """
    samples = [s for i in range(n_rooms) for s in draw_samples(np.random.default_rng((_SEED, i)))]
    rows = [r for i in range(n_rooms) for r in draw_rows(1, np.random.default_rng((_SEED, i)))]
    found = share_detected(backbone.network.detector, RoomBank.of_rows(rows, device))
    n_objects = sum(int(row["n_objects"]) for row in rows)
    return {
        "detected": (found, n_objects),
        **share_right(backbone, room_encoder(), samples, is_right),
    }


def is_right(sample: AlignedSample, answer: RawAnswer) -> bool:
    """Whether an answer is an accepted text or object, or boxes that meet all targets by 0.25."""
    query = sample.query
    if query.kind is not TaskKind.GROUND:
        return text_or_objects(sample, answer)
    placement = room_encoder().place(sample, train=False, rng=np.random.default_rng(0)).placement
    wanted = object_boxes(sample, placement, "tight", query.target_ids).boxes
    corners = np.zeros((0, 8, 3)) if answer.corners is None else answer.corners
    boxes = aabb_from_corners(placement.points(corners))
    if len(wanted) != len(boxes):
        return False
    return bool((aabb_iou(boxes, wanted).max(axis=0, initial=0.0) >= _LEAST_IOU).all())
