"""The words of the toy tokenizer."""

from __future__ import annotations

from dataclasses import astuple

from posealign_chat_scene.texts import TaskTexts
from posealign_rooms.pretraining import room_words

__all__ = ["vocabulary"]


def vocabulary() -> list[str]:
    """The words of rooms, of our own wordings and of pose texts, sorted; spelling does the rest."""
    words = room_words([*astuple(TaskTexts()), "user assistant"])
    return [word for word in words if len(word) > 1]
