"""What the model is to say, and what it said (specification sections 6.3 and 8.4)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from posealign_chat_scene.identifiers import identifier

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["as_sentence", "as_sentences", "many_objects", "one_object", "plain_answer"]

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def one_object(slot: int) -> str:
    """The answer that names one object."""
    return f"{identifier(slot)}."


def many_objects(slots: Sequence[int]) -> str:
    """The answer that names any number of objects."""
    names = [identifier(slot) for slot in slots]
    if not names:
        return "No."
    if len(names) <= 2:
        return f"Yes. {' and '.join(names)}."
    return f"Yes. {', '.join(names[:-1])}, and {names[-1]}."


def as_sentence(answer: str) -> str:
    """A short answer as it is learnt: `"on the left"` becomes `"On the left."`."""
    return f"{answer.strip().capitalize()}."


def as_sentences(text: str) -> str:
    """A caption as it is learnt: each sentence starts upper-case and goes on lower-case."""
    return " ".join(part.capitalize() for part in _SENTENCE.split(text.strip()))


def plain_answer(text: str) -> str:
    """A short answer as it is scored: without the full stop, from a lower-case letter on."""
    if len(text) > 1:
        text = text.removesuffix(".")
        text = text[:1].lower() + text[1:]
    return text
