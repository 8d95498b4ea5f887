"""The closed vocabulary of all texts and answers, and how a text splits into words."""

from __future__ import annotations

import re

from posealign_rooms.catalogue import COLORS, KINDS, plural
from posealign_rooms.questions.phrases import NUMBERS, WORDINGS

__all__ = ["lexicon", "words_of"]

_WORD = re.compile(r"[a-z0-9']+|[^\sa-z0-9']")
_OTHERS = ("the", "a", "an", "yes", "no", "left", "right", "front", "behind")


def words_of(text: str) -> list[str]:
    """Split a text into lower-case words and single punctuation marks."""
    return _WORD.findall(text.lower())


def lexicon() -> tuple[str, ...]:
    """Every word and punctuation mark that a question, situation, description or answer can hold.

    Sorted and distinct; the texts of rooms never leave it.
    """
    texts = [
        *(
            re.sub(r"\{\d\}", " ", wording)
            for wordings in WORDINGS.values()
            for wording in wordings
        ),
        *KINDS,
        *(plural(kind) for kind in KINDS),
        *COLORS,
        *NUMBERS,
        *_OTHERS,
    ]
    return tuple(sorted({word for text in texts for word in words_of(text)}))
