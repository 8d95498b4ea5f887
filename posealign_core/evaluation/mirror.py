"""Left for right and front for behind in a text."""

from __future__ import annotations

import re

__all__ = ["mirrored"]

_SWAP = {
    "left": "right",
    "right": "left",
    "in front of": "behind",
    "behind": "in front of",
}
_SIDES = re.compile(
    r"(?<!\ball )\b(?P<word>left|right)(?P<end>most|wards?)?\b"
    r"(?! (?:now|away|next|angles?|over)\b)",
    re.IGNORECASE,
)
_DEPTHS = re.compile(r"\b(?P<word>in front of|behind)(?P<end>)\b", re.IGNORECASE)


def mirrored(text: str, *, depth: bool = False) -> str:
    """The text of the reflected scene: left and right change places, as whole words.

    Done twice it gives the text back. Uses that are no direction ("all right", "right next to",
    "bright") stay.

    Args:
        text: The text.
        depth: Whether "in front of" and "behind" change places too.
    """
    mirrored_text = _SIDES.sub(_swapped, text)
    return _DEPTHS.sub(_swapped, mirrored_text) if depth else mirrored_text


def _swapped(match: re.Match[str]) -> str:
    word, end = match["word"], match["end"] or ""
    other = _SWAP[word.lower()]
    if word.isupper():
        return other.upper() + end
    return (other.capitalize() if word[0].isupper() else other) + end
