"""Ids that stand for something other than a word (specification section 4.2)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "IGNORE_INDEX",
    "IMAGE_INDEX",
    "LOC_INDEX",
    "SEG_TOKEN",
    "add_seg_token",
    "encode_with_markers",
]

IGNORE_INDEX = -100
"""Label of a position without supervision."""
IMAGE_INDEX = -200
"""Id of `<image>`: the scene's tokens go here."""
LOC_INDEX = -400
"""Id of `<loc>`: a prompt's token goes here."""
SEG_TOKEN = "[SEG]"  # noqa: S105 - a vocabulary entry, not a password
"""Vocabulary entry whose predicting state becomes a mask."""

_MARKERS = {"<image>": IMAGE_INDEX, "<loc>": LOC_INDEX}
_SPLIT = re.compile("(" + "|".join(_MARKERS) + ")")


def add_seg_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Give a tokenizer the token [SEG], if it lacks it, and return its id."""
    tokenizer.add_tokens([SEG_TOKEN], special_tokens=True)
    return cast("int", tokenizer.convert_tokens_to_ids(SEG_TOKEN))


def encode_with_markers(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Encode text in which `<image>` and `<loc>` may stand, without a leading bos.

    What lies between markers is encoded on its own.
    """
    ids: list[int] = []
    for piece in _SPLIT.split(text):
        if piece in _MARKERS:
            ids.append(_MARKERS[piece])
        elif piece:
            ids += _words(tokenizer, len(tokenizer), piece)
    return ids


@lru_cache(maxsize=2**15)
def _words(tokenizer: PreTrainedTokenizerBase, n_entries: int, piece: str) -> tuple[int, ...]:
    """Ids of a text without markers; what comes before questions is the same in all of them."""
    del n_entries  # part of the key: a tokenizer that was given a token reads anew
    return tuple(tokenizer(piece, add_special_tokens=False)["input_ids"])
