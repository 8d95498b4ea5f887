"""How many direction-free questions about rooms that nobody has met the model answers."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate.utils import send_to_device

from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_3d_llava.pretraining.rooms import N_COORDINATE, coordinate_questions, rooms_from
from posealign_core.structures import GenerationOptions
from posealign_core.structures.regions import points_of_objects
from posealign_core.vocabulary import TaskKind
from posealign_rooms.pretraining import draw_size

if TYPE_CHECKING:
    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_3d_llava.config import LlavaConfig
    from posealign_core.backbone import RawAnswer
    from posealign_core.structures import AlignedSample

__all__ = ["accuracies"]

_OPTIONS = GenerationOptions(max_new_tokens=16)
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
            samples += [s for s in room.samples if s.query.kind is not TaskKind.CAPTION]
            samples += coordinate_questions(encoder, room, rng, N_COORDINATE)
    right: dict[str, list[bool]] = defaultdict(list)
    device = next(backbone.parameters()).device
    rng = np.random.default_rng(seed)
    for start in range(0, len(samples), batch_size):
        asked = samples[start : start + batch_size]
        batch = encoder.collate([encoder.encode([s], train=False, rng=rng) for s in asked])
        with torch.inference_mode():
            answers = backbone.generate(send_to_device(batch, device), _OPTIONS)
        for sample, answer in zip(asked, answers, strict=True):
            good = is_right(sample, answer)
            right[f"{sample.query.kind.value}: {sample.query.extra['family']}"].append(good)
            right["all"].append(good)
    return {name: (sum(found) / len(found), len(found)) for name, found in sorted(right.items())}


def is_right(sample: AlignedSample, answer: RawAnswer) -> bool:
    """Whether an answer is one of the accepted texts, the one object, or overlaps the target."""
    query = sample.query
    if query.kind is TaskKind.ANSWER:
        return answer.text.strip().lower() in {text.lower() for text in query.references}
    if query.kind is TaskKind.SELECT:
        return answer.object_ids == tuple(query.target_ids)
    target = points_of_objects(sample.scene, query.target_ids)
    masks = np.zeros((0, len(target)), dtype=bool) if answer.masks is None else answer.masks
    found = masks.any(axis=0)
    if not target.any():
        return not found.any()
    return bool((found & target).sum() > 0.5 * (found | target).sum())
