"""Training batches from rows of a bank, without a step of Python per room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_core.language.packing import IGNORED, PADDING, PREFIX, positions_of
from posealign_template.config import TemplateConfig
from posealign_template.encoder import TemplateEncoder
from posealign_template.tokens import PAD, REPLY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from posealign_core.backbone import Batch
    from posealign_rooms.pretraining import Ragged

__all__ = ["BatchMaker"]


class BatchMaker:
    """Makes what the encoder's collation would make, with new slots for the objects of each room.

    Args:
        generator: Draws the slots.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self._generator = generator
        self._first_slot = TemplateEncoder(TemplateConfig(pretrained=False)).tokenizer.slot(0)

    def __call__(self, rooms: Mapping[str, Ragged]) -> Batch:
        """The batch of some rooms of a bank."""
        tokens = self._with_new_slots(rooms["tokens"].padded(PAD, left=True).long())
        segments = rooms["segments"].padded(PADDING, left=True).long()
        replies = (tokens == REPLY).cumsum(dim=1)
        answer = (segments > PREFIX) & (replies == segments) & (tokens != REPLY)
        return {
            "tokens": tokens,
            "segments": segments,
            "positions": positions_of(segments),
            "targets": torch.where(answer, tokens, IGNORED),
            "names": rooms["names"].values.long(),
            "attributes": rooms["attributes"].values.float(),
            "n_objects": rooms["n_objects"].values.tolist(),
            "poses": [None] * len(tokens),
        }

    def _with_new_slots(self, tokens: Tensor) -> Tensor:
        n_slots = TemplateConfig.n_slots
        noise = torch.rand(len(tokens), n_slots, device=tokens.device, generator=self._generator)
        slots = tokens - self._first_slot
        is_slot = (slots >= 0) & (slots < n_slots)
        renamed = noise.argsort(dim=1).gather(1, slots.clamp(0, n_slots - 1))
        return torch.where(is_slot, renamed + self._first_slot, tokens)
