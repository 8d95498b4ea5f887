"""The tokenizer: Llama's from a folder, or a toy one over a closed vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from posealign_3d_llava.model.special_tokens import add_seg_token
from posealign_core.language.tokenizers import llama_tokenizer, toy_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["VOCABULARY", "load_tokenizer"]

VOCABULARY = Path(__file__).parent / "weights" / "vocabulary.txt"


def load_tokenizer(folder: Path | None) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model and give it [SEG] (specification section 4.2).

    Args:
        folder: Holds a Llama tokenizer; None for the toy one.

    Raises:
        DataError: The folder holds no tokenizer.
    """
    if folder is None:
        words = VOCABULARY.read_text(encoding="utf-8").split()
        tokenizer: PreTrainedTokenizerBase = toy_tokenizer(words)
    else:
        tokenizer = llama_tokenizer(folder)
    add_seg_token(tokenizer)
    return tokenizer
