"""How many direction-free questions about rooms that nobody has met the model answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_3d_llava.pretraining.rooms import N_COORDINATE, coordinate_questions, rooms_from
from posealign_core.structures.regions import points_of_objects
from posealign_core.vocabulary import TaskKind
from posealign_rooms.pretraining import draw_size, share_right, text_or_objects

if TYPE_CHECKING:
    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_3d_llava.config import LlavaConfig
    from posealign_core.backbone import RawAnswer
    from posealign_core.structures import AlignedSample

__all__ = ["accuracies"]

_SPACING_M = 0.1


def accuracies(
    backbone: LlavaBackbone,
    config: LlavaConfig,
    *,
    n_rooms: int,
    largest: int,
    seed: int,
    batch_size: int = 64,
) -> dict[str, tuple[float, int]]:
    """Ask each question by itself, as an evaluation does.

    Args:
        backbone: In evaluation mode.
        config: Its configuration.
        n_rooms: Rooms of up to `largest` objects, scanned more finely than those trained on.
        largest: Objects of the largest rooms.
        seed: Another than that of the training.
        batch_size: Questions that are answered together.

    Returns:
        Share of right answers and number of questions, by family and as `"all"`; a mask is right
        where it overlaps its target by more than half. Captions are not counted.
    """
    encoder = LlavaEncoder(config)
    samples: list[AlignedSample] = []
    for i in range(n_rooms):
        rng = np.random.default_rng((seed, i))
        for room in rooms_from(rng, draw_size(rng, largest), spacing_m=_SPACING_M):
            samples += room.samples
            samples += coordinate_questions(encoder, room, rng, N_COORDINATE)
    return share_right(backbone, encoder, samples, is_right, batch_size=batch_size)


def is_right(sample: AlignedSample, answer: RawAnswer) -> bool:
    """Whether an answer is one of the accepted texts, the one object, or overlaps the target."""
    query = sample.query
    if query.kind in (TaskKind.ANSWER, TaskKind.SELECT):
        return text_or_objects(sample, answer)
    target = points_of_objects(sample.scene, query.target_ids)
    masks = np.zeros((0, len(target)), dtype=bool) if answer.masks is None else answer.masks
    found = masks.any(axis=0)
    if not target.any():
        return not found.any()
    return bool((found & target).sum() > 0.5 * (found | target).sum())
