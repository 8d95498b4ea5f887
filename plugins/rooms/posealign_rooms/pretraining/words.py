"""The words that a toy tokenizer needs to speak about rooms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from posealign_core.align.prompt import POSE_TEMPLATE
from posealign_rooms.lexicon import lexicon
from posealign_rooms.pretraining.coordinates import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["room_words"]


def room_words(texts: Iterable[str] = ()) -> list[str]:
    """Words of questions and answers about rooms and coordinates, of stated poses, and of `texts`.

    Lower case, letters only, sorted and distinct.
    """
    stated = re.sub(r"{\w+}", " ", POSE_TEMPLATE)
    spoken = " ".join([*lexicon(), *WORDS, stated, *texts])
    return sorted(set(re.findall(r"[a-z]+", spoken.lower())))
