"""How a judge is sampled and how its two grades are lettered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["LETTERS", "LabelOrder", "Sampling"]

LETTERS = ("A", "B")


class LabelOrder(str, Enum):
    """Which letter stands for the first grade."""

    AB = "ab"
    """A is correct."""
    BA = "ba"
    """B is correct."""

    @property
    def letters(self) -> tuple[str, str]:
        """The letters of the first and the second grade."""
        return (LETTERS[0], LETTERS[1]) if self is LabelOrder.AB else (LETTERS[1], LETTERS[0])


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """What is sent to a model beside the prompt.

    Attributes:
        temperature: 0 is greedy; None leaves it to the server, for models that refuse the field.
        top_p: Share of the probability to draw from; None leaves it to the server.
        seed: Draw number n uses seed + n; None asks for no seed.
        max_tokens: Most tokens to generate, reasoning included.
        reasoning_effort: `"low"`, `"medium"` or `"high"` for models that know it, else None.
    """

    temperature: float | None = 0.0
    top_p: float | None = None
    seed: int | None = 0
    max_tokens: int = 4096
    reasoning_effort: str | None = None

    def seed_of(self, index: int) -> int | None:
        """The seed of one draw."""
        return None if self.seed is None else self.seed + index
