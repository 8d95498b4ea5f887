"""Rules on words: when two short texts say the same, and when they contradict each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from posealign_core.benchmarks.referit3d import VIEW_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["answers_match", "caption_agrees", "contradicts", "has_direction_word", "normal_words"]


def _words(text: str) -> list[str]:
    return text.split()


_NUMBERS = {
    word: str(number)
    for number, word in enumerate(
        _words("zero one two three four five six seven eight nine ten eleven twelve")
    )
}
_FILLERS = frozenset(
    _words(
        "a an the it its is are was were be there this that these those to of on in at my your "
        "you i can will would probably maybe think believe side hand and"
    )
)
_PHRASES = (
    (r"\bin front\b|\bahead\b|\bforwards?\b|\b12 o ?clock\b", "front"),
    (r"\bbehind\b|\bin back\b|\bbackwards?\b|\brear\b|\b6 o ?clock\b", "back"),
    (r"\bleft(?:most|wards?)\b|\blefthand\b|\b9 o ?clock\b", "left"),
    (r"\bright(?:most|wards?)\b|\brighthand\b|\b3 o ?clock\b", "right"),
    (r"\bgrey\b", "gray"),
    (r"\bnone\b|\bno one\b", "zero"),
    (r"\byeah\b|\byep\b", "yes"),
    (r"\bnope\b", "no"),
)
_OPPOSITES = (
    ("left", "right"),
    ("front", "back"),
    ("yes", "no"),
    ("above", "below"),
    ("over", "under"),
    ("open", "closed"),
)
_COLORS = frozenset(
    _words("black white gray red green blue yellow orange brown purple pink beige silver tan")
)
_SUPPORT = 0.5
"""Share of a caption's content words that the references must know."""


def has_direction_word(text: str) -> bool:
    """Whether a text holds one of ReferIt3D's view-dependent words, as a whole word."""
    return not VIEW_WORDS.isdisjoint(re.findall(r"[a-z]+", text.lower()))


def normal_words(text: str) -> list[str]:
    """Words in lower case and one spelling: no punctuation, digits for numbers, singular."""
    plain = re.sub(r"[^a-z0-9]+", " ", text.lower().replace("'s", ""))
    for pattern, word in _PHRASES:
        plain = re.sub(pattern, word, plain)
    return [_NUMBERS.get(word, _singular(word)) for word in plain.split()]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith(("shes", "ches", "xes", "sses")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _content(text: str) -> list[str]:
    words = normal_words(text)
    return [word for word in words if word not in _FILLERS] or words


def contradicts(answer: Sequence[str], reference: Sequence[str]) -> bool:
    """Whether normal words of an answer exclude those of a reference.

    Opposites (left and right), other numbers, and other colours exclude each other, unless the
    reference itself names both.
    """
    a, r = set(answer), set(reference)
    opposed = any(
        x in a and x not in r and y in r for pair in _OPPOSITES for x, y in (pair, pair[::-1])
    )
    numbers_a, numbers_r = (frozenset(w for w in words if w.isdigit()) for words in (a, r))
    colors_a, colors_r = a & _COLORS, r & _COLORS
    return (
        opposed
        or bool(numbers_a and numbers_r and numbers_a != numbers_r)
        or bool(colors_a and colors_r and not colors_a <= colors_r)
    )


def answers_match(answer: str, reference: str) -> bool:
    """Whether an answer holds all content words of a reference, and nothing that excludes it.

    One that offers a choice ("a lamp or a vase") commits to nothing and does not match.

    An answer that only holds some of them counts when the reference holds all of the answer's, so
    that "table" answers "brown table"; a direction, number or colour alone does not.
    """
    a, r = normal_words(answer), normal_words(reference)
    hedged = "or" in a and "or" not in r
    if not a or not r or hedged or contradicts(a, r):
        return False
    content_a, content_r = _content(answer), _content(reference)
    if set(content_r) <= set(content_a):
        return True
    return set(content_a) <= set(content_r) and content_a[-1] == content_r[-1]


def caption_agrees(caption: str, references: Sequence[str]) -> bool:
    """Whether a caption is about what the references describe and none of its words is denied.

    Half of its content words must occur in the references, and its direction words must not be the
    opposite of all that the references say.
    """
    content = _content(caption)
    known = {word for reference in references for word in normal_words(reference)}
    if not content or not known:
        return False
    if contradicts(content, sorted(known)):
        return False
    return sum(word in known for word in content) >= _SUPPORT * len(content)
