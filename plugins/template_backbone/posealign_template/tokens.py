"""Words, digits and object slots to token ids and back."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["END", "PAD", "REPLY", "VOCABULARY", "Tokenizer", "pieces"]

VOCABULARY = Path(__file__).parent / "weights" / "vocabulary.txt"

PAD, END, REPLY = range(3)
_KINDS = {kind: REPLY + 1 + i for i, kind in enumerate(TaskKind)}
_FIRST_SLOT = REPLY + 1 + len(_KINDS)

_PIECE = re.compile(r"[a-z]+|\d|[^\sa-z\d]")
_NO_SPACE = re.compile(r" (?=[.,;:?!)])|(?<=\() |(?<=[\d-]) (?=\d)|(?<=\d \.) (?=\d)")


class Tokenizer:
    """A closed vocabulary that no word falls out of.

    A word that the vocabulary lacks is hashed to one of `n_unknown` shared tokens, so that the same
    word in a label and in a question is the same token; `spelling` turns it back into the word.

    Args:
        n_slots: Number of object slots.
        n_unknown: Number of shared tokens for unknown words.
        words: The vocabulary; the shipped one by default.
    """

    def __init__(self, n_slots: int, n_unknown: int, words: Iterable[str] | None = None) -> None:
        self.n_slots = n_slots
        self._first_unknown = _FIRST_SLOT + n_slots
        self._n_unknown = n_unknown
        first_word = self._first_unknown + n_unknown
        known = shipped_words() if words is None else words
        self._ids = {word: first_word + i for i, word in enumerate(known)}
        self._words = {i: word for word, i in self._ids.items()}

    def __len__(self) -> int:
        return self._first_unknown + self._n_unknown + len(self._ids)

    def kind(self, kind: TaskKind) -> int:
        """The token that opens a question of this kind."""
        return _KINDS[kind]

    def slot(self, index: int) -> int:
        """The token of an object slot."""
        return _FIRST_SLOT + index

    def slots_in(self, ids: Iterable[int]) -> list[int]:
        """Indices of the object slots among some tokens, in order, without repeats."""
        slots = (i - _FIRST_SLOT for i in ids)
        return list(dict.fromkeys(s for s in slots if 0 <= s < self.n_slots))

    def encode(self, text: str) -> list[int]:
        """Tokens of a text: lower-case words, single digits, single signs."""
        return [self._ids.get(piece, self._unknown(piece)) for piece in pieces(text)]

    def spelling(self, texts: Iterable[str]) -> dict[int, str]:
        """What the shared tokens stand for in these texts; the first word of a token wins."""
        found: dict[int, str] = {}
        for piece in (p for text in texts for p in pieces(text) if p not in self._ids):
            found.setdefault(self._unknown(piece), piece)
        return found

    def decode(self, ids: Sequence[int], spelling: Mapping[int, str]) -> str:
        """Text of the tokens before the first `END`."""
        ids = ids[: list(ids).index(END)] if END in ids else ids
        words = [self._spell(i, spelling) for i in ids if i != PAD]
        return _NO_SPACE.sub("", " ".join(words))

    def _spell(self, token: int, spelling: Mapping[int, str]) -> str:
        if self.slots_in([token]):
            return f"obj{token - _FIRST_SLOT}"
        return self._words.get(token) or spelling.get(token, "unknown")

    def _unknown(self, piece: str) -> int:
        return self._first_unknown + zlib.crc32(piece.removesuffix("s").encode()) % self._n_unknown


def pieces(text: str) -> list[str]:
    """Split a text as the tokenizer does."""
    return _PIECE.findall(text.lower())


def shipped_words() -> list[str]:
    """The vocabulary that the shipped weights were trained with."""
    return VOCABULARY.read_text(encoding="utf-8").split()
