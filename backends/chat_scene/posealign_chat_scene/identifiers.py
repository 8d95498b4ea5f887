"""The words by which objects are spoken of: `<OBJ000>`, `<OBJ001>`, ... (specification 2.8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["identifier", "numbers_in", "renamed"]

_IDENTIFIER = re.compile(r"<OBJ(\d{3})>")


def identifier(number: int) -> str:
    """The identifier of a number from 0 to 999."""
    return f"<OBJ{number:03}>"


def numbers_in(text: str) -> list[int]:
    """Numbers of all identifiers in a text, in order, repeated ones included."""
    return [int(number) for number in _IDENTIFIER.findall(text)]


def renamed(text: str, rename: Callable[[int], int | None]) -> str:
    """A text with other identifiers; all change places at once.

    Args:
        text: The text.
        rename: The new number of an old one, or None for one that stays.
    """

    def replacement(match: re.Match[str]) -> str:
        number = rename(int(match.group(1)))
        return match.group(0) if number is None else identifier(number)

    return _IDENTIFIER.sub(replacement, text)
