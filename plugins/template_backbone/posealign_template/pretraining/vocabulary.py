"""The words that the shipped vocabulary holds."""

from __future__ import annotations

from posealign_rooms.pretraining import room_words

__all__ = ["vocabulary"]

_SIGNS = "0 1 2 3 4 5 6 7 8 9 . , ; : ? ! ( ) - + '"


def vocabulary() -> list[str]:
    """The words of rooms, coordinates and pose texts, and the signs of numbers; sorted."""
    return sorted({*room_words(), *_SIGNS.split()})
