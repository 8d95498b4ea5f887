"""The tokenizer, with one word per object slot (specification 3.1)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posealign_chat_scene.identifiers import identifier
from posealign_core.language.tokenizers import llama_tokenizer, toy_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["VOCABULARY", "load_tokenizer"]

VOCABULARY = Path(__file__).parent / "weights" / "vocabulary.txt"


def load_tokenizer(folder: Path | None, n_slots: int) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model and give it the identifiers, behind all other words.

    Args:
        folder: Holds a Llama tokenizer; None for the toy one.
        n_slots: How many identifiers.

    Raises:
        DataError: The folder holds no tokenizer.
    """
    if folder is None:
        words = VOCABULARY.read_text(encoding="utf-8").split()
        tokenizer: PreTrainedTokenizerBase = toy_tokenizer(words)
    else:
        tokenizer = llama_tokenizer(folder)
    names = [identifier(number) for number in range(n_slots)]
    tokenizer.add_tokens(names, special_tokens=True)
    return tokenizer
