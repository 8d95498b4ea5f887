"""How a language model's answers are decoded."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GenerationOptions"]


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """How answers are decoded; backbones add what their recipe needs in their own config.

    Attributes:
        max_new_tokens: Limit on generated tokens.
        num_beams: 1 is greedy.
        no_repeat_ngram_size: 0 is off.
        repetition_penalty: 1.0 is off.
    """

    max_new_tokens: int = 64
    num_beams: int = 1
    no_repeat_ngram_size: int = 0
    repetition_penalty: float = 1.0
