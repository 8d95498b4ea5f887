"""Generating answers (specification section 7)."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from posealign_core.language.packing import PADDING

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_chat_scene.model.network import ChatSceneNetwork, Row
    from posealign_core.structures import GenerationOptions

__all__ = ["generate"]


def generate(
    network: ChatSceneNetwork, row: Row, objects: Tensor, options: GenerationOptions
) -> Tensor:
    """Decode without sampling; penalties see new tokens only, and no answer is empty.

    Args:
        network: The model.
        row: Sequences that end with a question, padded on the left.
        objects: (B, n, 2, D) tokens of the slots.
        options: How to decode.

    Returns:
        (B, T) int64 new tokens, padded behind each end token.
    """
    embeds = network.embed(row, objects)
    with network.precision(embeds.device), warnings.catch_warnings():
        # That a penalty sees new tokens only is what is published.
        warnings.filterwarnings("ignore", message="Passing `repetition_penalty` with `inputs_e")
        found: Any = network.llama_model.generate(
            inputs_embeds=embeds,
            attention_mask=(row.segments != PADDING).long(),
            do_sample=False,
            min_new_tokens=1,
            **asdict(options),
        )
    ids: Tensor = found
    return ids
