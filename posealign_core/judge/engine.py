"""What a judge engine is: it answers one prompt at a time, many of them at once.

`specs.JudgeSpec.factory` builds one. The runner retries, limits, caches and parses; an engine only
turns a prompt into a reply and says which failures are worth another try.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posealign_core.errors import JudgeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posealign_core.judge.request import JudgeRequest
    from posealign_core.judge.rubric import Prompt
    from posealign_core.judge.sampling import Sampling
    from posealign_core.judge.verdict import JudgeIdentity

__all__ = ["Ask", "Judge", "RefusedError", "Reply", "UnreachableError", "Usage"]


class UnreachableError(JudgeError):
    """The judge did not answer this time; another try may succeed.

    Attributes:
        retry_after_s: How long the server asked to be left alone, seconds, or None.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(message)


class RefusedError(JudgeError):
    """The judge will not answer this request, however often it is asked."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one reply, as the engine counts them.

    Attributes:
        tokens_in: Prompt tokens.
        tokens_cached: How many of these came out of a prefix cache.
        tokens_out: Generated tokens.
        tokens_reasoning: How many of these were reasoning.
    """

    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    tokens_reasoning: int = 0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a judge answered.

    Attributes:
        text: The final answer, without reasoning.
        analysis: The reasoning, where the engine shows it.
        finish_reason: `"stop"`, `"length"`, or the engine's own word.
        label_logprobs: Log-probability of each letter at the place of the verdict, or None.
        usage: Tokens.
    """

    text: str
    analysis: str = ""
    finish_reason: str = "stop"
    label_logprobs: Mapping[str, float] | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One prompt to answer.

    Attributes:
        request: What it is about; rules read this, models read the prompt.
        prompt: What a model reads.
        sampling: How to sample.
        index: Sample index; equal prompts with different indices are independent draws.
        grades: Whether the rubric is about an answer, rather than about a question.
    """

    request: JudgeRequest
    prompt: Prompt
    sampling: Sampling
    index: int
    grades: bool = True


class Judge(abc.ABC):
    """Answers prompts. `open` comes first, `close` last, all in one event loop."""

    @abc.abstractmethod
    async def open(self) -> JudgeIdentity:
        """Connect or load, and say who judges.

        Raises:
            JudgeError: It cannot be reached or loaded.
        """

    @abc.abstractmethod
    async def ask(self, ask: Ask) -> Reply:
        """Answer one prompt; called many times at once.

        Raises:
            UnreachableError: Try again later.
            RefusedError: Never ask this again.
            JudgeError: Nothing more can be asked of this engine (wrong key, unknown model).
        """

    @abc.abstractmethod
    async def close(self) -> None:
        """Let go of connections and memory."""
