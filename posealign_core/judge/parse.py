"""From a reply to a verdict. What is not exactly a verdict is none (judge spec 2.6, J5, J6)."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from posealign_core.judge.verdict import Status
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posealign_core.judge.sampling import LabelOrder

__all__ = ["SCHEMA", "parse_verdict", "probability_of_first"]

SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string", "enum": ["A", "B"]}},
    "required": ["verdict"],
    "additionalProperties": False,
}
"""The schema that servers with structured output are asked to keep to."""


def parse_verdict(
    text: str,
    order: LabelOrder,
    words: tuple[str, str],
    *,
    fidelity: Fidelity = Fidelity.CORRECT,
) -> Status:
    """Read a verdict.

    Accepted is the letter, one of the two words, or the JSON object that the schema wants, each
    with blanks around it and one full stop at its end. `Fidelity.RELEASED` takes the bare letter
    only, without blanks.

    Args:
        text: The final answer.
        order: Which letter stands for which grade.
        words: The grades as words.
        fidelity: Which of the two rules.

    Returns:
        `CORRECT` for the first grade, `INCORRECT` for the second, else `INVALID`.
    """
    first, second = order.letters
    found = text
    meanings = {first: Status.CORRECT, second: Status.INCORRECT}
    if fidelity is Fidelity.CORRECT:
        found = _verdict_in_json(text.strip())
        found = found.removesuffix(".").rstrip()
        if found not in meanings:
            found = found.lower()
            meanings = {words[0]: Status.CORRECT, words[1]: Status.INCORRECT}
    return meanings.get(found, Status.INVALID)


def _verdict_in_json(text: str) -> str:
    """The value in `{"verdict": value}`; any other text as it is."""
    if not text.startswith("{"):
        return text
    try:
        found = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return text
    if (
        isinstance(found, dict)
        and found.keys() == {"verdict"}
        and isinstance(found["verdict"], str)
    ):
        return found["verdict"]
    return text


def probability_of_first(
    label_logprobs: Mapping[str, float] | None, order: LabelOrder
) -> float | None:
    """Probability of the first grade among the two; None where a letter has none."""
    first, second = order.letters
    if label_logprobs is None or not {first, second} <= label_logprobs.keys():
        return None
    difference = label_logprobs[second] - label_logprobs[first]
    return 1.0 / (1.0 + math.exp(min(difference, 700.0)))
