"""The words of the toy tokenizer."""

from __future__ import annotations

from dataclasses import astuple

from posealign_ll3da.encode.boxes import N_STEPS
from posealign_ll3da.texts import TaskTexts
from posealign_rooms.pretraining import room_words

__all__ = ["vocabulary"]


def vocabulary() -> list[str]:
    """The words of rooms, of our own wordings and of boxes, and the steps of a box's numbers."""
    words = room_words([*astuple(TaskTexts()), "obj"])
    return [word for word in words if len(word) > 1] + [str(step) for step in range(N_STEPS + 1)]
