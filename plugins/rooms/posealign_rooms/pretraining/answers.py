"""How many questions a backbone answers rightly, by family."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate.utils import send_to_device

from posealign_core.structures import GenerationOptions
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posealign_core.backbone import Backbone, RawAnswer, SampleEncoder
    from posealign_core.structures import AlignedSample

__all__ = ["share_right", "text_or_objects"]

_OPTIONS = GenerationOptions(max_new_tokens=24)


def share_right(
    backbone: Backbone,
    encoder: SampleEncoder,
    samples: Sequence[AlignedSample],
    is_right: Callable[[AlignedSample, RawAnswer], bool],
    *,
    batch_size: int = 64,
) -> dict[str, tuple[float, int]]:
    """Ask each question by itself, as an evaluation does; captions are left out.

    Args:
        backbone: In evaluation mode.
        encoder: Its encoder.
        samples: The questions; `family` is among their queries' extra fields.
        is_right: Judges an answer.
        batch_size: Questions that are answered together.

    Returns:
        Share of right answers and number of questions, by kind and family and as `"all"`.
    """
    asked = [sample for sample in samples if sample.query.kind is not TaskKind.CAPTION]
    device, rng = next(backbone.parameters()).device, np.random.default_rng(0)
    right: dict[str, list[bool]] = defaultdict(list)
    for start in range(0, len(asked), batch_size):
        some = asked[start : start + batch_size]
        batch = encoder.collate([encoder.encode([s], train=False, rng=rng) for s in some])
        with torch.inference_mode():
            answers = backbone.generate(send_to_device(batch, device), _OPTIONS)
        for sample, answer in zip(some, answers, strict=True):
            good = is_right(sample, answer)
            right[f"{sample.query.kind.value}: {sample.query.extra['family']}"].append(good)
            right["all"].append(good)
    return {name: (sum(found) / len(found), len(found)) for name, found in sorted(right.items())}


def text_or_objects(sample: AlignedSample, answer: RawAnswer) -> bool:
    """Whether an answer is one of the accepted texts, or names the very targets."""
    query = sample.query
    if query.kind is TaskKind.ANSWER:
        return answer.text.strip().lower() in {text.lower() for text in query.references}
    return set(answer.object_ids) == set(query.target_ids)
