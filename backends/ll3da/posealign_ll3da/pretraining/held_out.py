"""Asks a pre-trained model about rooms that it has not seen."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate.utils import send_to_device

from posealign_core.geometry import aabb_from_corners, aabb_iou
from posealign_core.structures import GenerationOptions
from posealign_core.vocabulary import TaskKind
from posealign_ll3da.encode.boxes import object_boxes
from posealign_ll3da.pretraining.rooms import (
    MAX_OBJECTS,
    SPACING_M,
    questions_about,
    room_encoder,
)
from posealign_rooms.pretraining import draw_room, draw_size, look_at, scanned

if TYPE_CHECKING:
    from posealign_core.backbone import RawAnswer
    from posealign_core.structures import AlignedSample
    from posealign_ll3da.backbone import Ll3daBackbone

__all__ = ["right_answers"]

_SEED = 10**9
_BATCH = 64


def right_answers(backbone: Ll3daBackbone, n_rooms: int, *, device: str) -> dict[str, str]:
    """The share of right answers by kind and family, as `"0.93 of 120"`.

    A place is right if its box overlaps the target's by a quarter.
    """
    encoder, samples = room_encoder(), []
    for index in range(n_rooms):
        rng = np.random.default_rng((_SEED, index))
        layout = draw_room(rng, draw_size(rng, MAX_OBJECTS))
        room = look_at(layout, scanned(layout, SPACING_M, rng), rng, n_questions=6)
        if room.samples:
            cloud = encoder.place(room.samples[0], train=False, rng=rng)
            samples += questions_about(room, cloud, rng)
    right: dict[str, list[bool]] = defaultdict(list)
    options = GenerationOptions(max_new_tokens=24)
    for start in range(0, len(samples), _BATCH):
        some = samples[start : start + _BATCH]
        rng = np.random.default_rng(0)
        batch = encoder.collate([encoder.encode([s], train=False, rng=rng) for s in some])
        with torch.inference_mode():
            answers = backbone.generate(send_to_device(batch, device), options)
        for sample, answer in zip(some, answers, strict=True):
            family = sample.query.extra.get("family", "")
            right[f"{sample.query.kind.value} {family}"].append(_is_right(sample, answer))
    return {name: f"{np.mean(found):.2f} of {len(found)}" for name, found in sorted(right.items())}


def _is_right(sample: AlignedSample, answer: RawAnswer) -> bool:
    query = sample.query
    if query.kind is TaskKind.SELECT:
        return answer.object_ids == query.target_ids
    if query.kind is not TaskKind.GROUND:
        return answer.text in query.references
    encoder = room_encoder()
    placement = encoder.place(sample, train=False, rng=np.random.default_rng(0)).placement
    wanted = object_boxes(sample, placement, "tight", query.target_ids).boxes
    corners = np.zeros((0, 8, 3)) if answer.corners is None else answer.corners
    boxes = aabb_from_corners(placement.points(corners))
    if len(wanted) != len(boxes):
        return False
    return bool((aabb_iou(boxes, wanted).max(axis=0, initial=0.0) >= 0.25).all())
