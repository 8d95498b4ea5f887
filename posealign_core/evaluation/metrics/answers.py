"""Exact match of short answers, strict and refined (benchmarks spec 3.1, 3.2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["answer_scores", "match_scores", "normalize_answer"]

_WORD_FIXES = {
    "letf": "left",
    "let": "left",
    "tehre": "there",
    "rigth": "right",
    "rght": "right",
    "behine": "behind",
    "tv": "TV",
    "chai": "chair",
    "wasing": "washing",
    "waslked": "walked",
    "oclock": "o'clock",
}
_NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen", "twenty"),
)
_NUMBER_WORDS = {
    "none": "zero",
    "23": "twenty-three",
    **{str(i): word for i, word in enumerate(_NUMBERS)},
}


def _by_word(words: dict[str, str]) -> tuple[re.Pattern[str], dict[str, str]]:
    return re.compile(rf"\b({'|'.join(words)})\b"), words


_UNWANTED = re.compile(r"[^a-z0-9,'\s:-]")
_BLANKS = re.compile(" {2,}")
_CLOCK = re.compile(r"\bo' +clock\b")
_NUMBERED = re.compile(r"\b([a-zA-Z]+)[0-9]\b")
_ARTICLES = tuple(re.compile(rf"\b{article} ([a-zA-Z]+)") for article in ("a", "an", "the"))
_BACKWARDS = re.compile(r"\bbackwards\b")
# No replacement makes a word that a later fix of the same table would change: one pass will do.
_TABLES = (_by_word(_WORD_FIXES), _by_word(_NUMBER_WORDS))


def normalize_answer(text: str) -> str:
    """Bring an answer into the form in which answers are compared (benchmarks spec 3.1).

    The published rules 5, 7 and 8 never have an effect and are left out.
    """
    text = _UNWANTED.sub("", _BLANKS.sub(" ", text.lower().strip(" ")))
    (fixes, fixed), (numbers, spelled) = _TABLES
    text = fixes.sub(lambda match: fixed[match[1]], text)
    text = _CLOCK.sub("o'clock", text)
    text = numbers.sub(lambda match: spelled[match[1]], text)
    for pattern in (_NUMBERED, *_ARTICLES):
        text = pattern.sub(r"\1", text)
    return _BACKWARDS.sub("backward", text)


def answer_scores(text: str, references: Sequence[str]) -> dict[str, float]:
    """Compare an answer with the accepted ones, once all are normalised; see `match_scores`."""
    return match_scores(normalize_answer(text), [normalize_answer(r) for r in references])


def match_scores(answer: str, accepted: Sequence[str]) -> dict[str, float]:
    """Compare an answer with the accepted ones, as they are.

    Args:
        answer: The answer.
        accepted: Accepted answers, in any order.

    Returns:
        `em`: it equals one of them. `em_r`: also when, without spaces, one contains the other; the
        published measure, which an empty or a one-letter answer satisfies. `em_r_guarded`: also
        requires that the shorter one has two characters and shares a whole word with the longer
        one.
    """
    exact = answer in accepted
    contained = [reference for reference in accepted if _contained(answer, reference)]
    return {
        "em": float(exact),
        "em_r": float(exact or bool(contained)),
        "em_r_guarded": float(exact or any(_shares_a_word(answer, r) for r in contained)),
    }


def _contained(a: str, b: str) -> bool:
    a, b = "".join(a.split()), "".join(b.split())
    return a in b or b in a


def _shares_a_word(a: str, b: str) -> bool:
    shorter = min(len("".join(a.split())), len("".join(b.split())))
    return shorter >= 2 and not set(a.split()).isdisjoint(b.split())
