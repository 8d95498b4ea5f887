"""Instructions and replies as tokens (specification sections 3.3 and 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from posealign_core.errors import BackboneError

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.tokenizer import Tokenizers

__all__ = ["Asked", "Taught", "Words"]


class Asked(NamedTuple):
    """An instruction.

    Attributes:
        qformer: (L,) int64 tokens for the Q-Former.
        llm: (L',) int64 tokens for the language model.
    """

    qformer: Tensor
    llm: Tensor


class Taught(NamedTuple):
    """An instruction with its reply.

    Attributes:
        qformer: (L,) int64 tokens of the instruction for the Q-Former.
        llm: (L',) int64 tokens of both and the end mark for the language model.
        answer: (L',) bool, which of these are reply or end mark.
        n_cut: Tokens of the reply that the limit cut off, the end mark included.
    """

    qformer: Tensor
    llm: Tensor
    answer: Tensor
    n_cut: int


class Words:
    """Turns texts into tokens.

    Args:
        tokenizers: The two tokenizers.
        max_text: Most tokens of an instruction with its reply.
    """

    def __init__(self, tokenizers: Tokenizers, max_text: int) -> None:
        self._tokenizers = tokenizers
        self._max_text = max_text

    def asked(self, instruction: str) -> Asked:
        """Tokens of an instruction.

        Raises:
            BackboneError: It is longer than the limit.
        """
        qformer = self._ids(self._tokenizers.qformer, instruction)
        llm = self._ids(self._tokenizers.llm, instruction)
        n = max(len(qformer), len(llm))
        if n > self._max_text:
            raise BackboneError(
                f"wanted instructions of at most {self._max_text} tokens, found one of {n}: "
                f"{instruction[:60]!r}...; raise config.max_text, or leave the question out"
            )
        return Asked(qformer, llm)

    def taught(self, instruction: str, reply: str) -> Taught:
        """Tokens of an instruction with its reply and the end mark.

        Raises:
            BackboneError: The instruction is so long that nothing is left of the reply.
        """
        asked = self.asked(instruction)
        tokenizer = self._tokenizers.llm
        whole = self._ids(tokenizer, f"{instruction} {reply} {tokenizer.eos_token}")
        if len(asked.llm) >= self._max_text:
            raise BackboneError(
                f"wanted room for a reply within {self._max_text} tokens, found an instruction of "
                f"{len(asked.llm)}: {instruction[:60]!r}...; raise config.max_text"
            )
        kept = whole[: self._max_text]
        answer = torch.arange(len(kept)) >= len(asked.llm)
        return Taught(asked.qformer, kept, answer, len(whole) - len(kept))

    @staticmethod
    def _ids(tokenizer: object, text: str) -> Tensor:
        ids: list[int] = tokenizer(text)["input_ids"]  # type: ignore[operator]
        return torch.tensor(ids, dtype=torch.int64)
