"""The words that the shipped vocabulary holds."""

from __future__ import annotations

import re

from posealign_core.align.prompt import POSE_TEMPLATE
from posealign_rooms.lexicon import lexicon
from posealign_template.pretraining.coordinates import WORDS
from posealign_template.tokens import pieces

__all__ = ["vocabulary"]

_NUMBERS = "0 1 2 3 4 5 6 7 8 9 . , ; : ? ! ( ) - + '"


def vocabulary() -> list[str]:
    """The words of rooms, coordinates and pose texts, and the signs of numbers; sorted."""
    texts = [*lexicon(), *WORDS, re.sub(r"{\w+}", " ", POSE_TEMPLATE), _NUMBERS]
    return sorted({piece for text in texts for piece in pieces(text)})
