"""The judge without a language model: rules on words, the same every time, at no cost.

It knows case, punctuation, articles, number words, plurals, a few synonyms of directions, and that
left is not right. It does not know that a couch is a sofa. Its verdicts are a floor to compare with
and a stand-in for tests and demonstrations, never a judge's accuracy; they always say "no LLM".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.judge.engine import Judge, Reply
from posealign_core.judge.verdict import JudgeIdentity
from posealign_core.judge.word_rules import answers_match, caption_agrees, has_direction_word

if TYPE_CHECKING:
    from posealign_core.judge.engine import Ask
    from posealign_core.judge.request import JudgeRequest

__all__ = ["LexicalJudge"]

VERSION = "2"
"""Rises when a rule changes."""


class LexicalJudge(Judge):
    """Grades answers and captions, and labels direction-critical questions, by rules on words."""

    async def open(self) -> JudgeIdentity:
        """Say that no model is behind it."""
        return JudgeIdentity(
            engine="lexical",
            model="rules on words (no LLM)",
            resolved=f"lexical {VERSION} (no LLM)",
            uses_llm=False,
        )

    async def ask(self, ask: Ask) -> Reply:
        """Reply with the letter that the rules give."""
        first, second = ask.prompt.order.letters
        return Reply(text=first if _first_grade(ask.request, ask.grades) else second)

    async def close(self) -> None:
        """Nothing is held."""


def _first_grade(request: JudgeRequest, grades: bool) -> bool:
    texts = (request.question or "", request.situation, *request.references)
    if not grades:
        return any(map(has_direction_word, texts))
    answer = request.prediction or ""
    if request.question is None:
        return caption_agrees(answer, request.references)
    return any(answers_match(answer, reference) for reference in request.references)
