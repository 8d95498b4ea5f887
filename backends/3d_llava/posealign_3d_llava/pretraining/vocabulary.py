"""The words of the toy tokenizer."""

from __future__ import annotations

import re
from dataclasses import astuple

from posealign_3d_llava.texts import TaskTexts
from posealign_core.align.prompt import POSE_TEMPLATE
from posealign_rooms.lexicon import lexicon

__all__ = ["vocabulary"]

_WORD = re.compile(r"[a-z]+")


def vocabulary() -> list[str]:
    """The words of rooms, of our own wordings and of pose texts, sorted; spelling does the rest."""
    texts = [*lexicon(), *astuple(TaskTexts()), POSE_TEMPLATE, "user assistant"]
    words = {word for text in texts for word in _WORD.findall(text.lower())}
    return sorted(word for word in words if len(word) > 1)
