"""Tokenizers: a published one from a folder, or a toy one over a closed vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

__all__ = ["llama_tokenizer", "toy_tokenizer"]

_SPECIAL = ("<unk>", "<s>", "</s>")
_PRINTABLE = [chr(code) for code in range(33, 127)]
_INSIDE = "##"


def llama_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Load a Llama tokenizer; `<unk>` pads, as in every published recipe.

    Raises:
        DataError: The folder holds no tokenizer.
    """
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: wanted a Llama tokenizer, found none ({error})") from error
    tokenizer.pad_token = tokenizer.unk_token
    return tokenizer


def toy_tokenizer(words: Iterable[str], *, split_numbers: bool = True) -> PreTrainedTokenizerFast:
    """Build a tokenizer of whole lower-case words that spells the words which it lacks.

    Args:
        words: Its vocabulary, besides the printable characters.
        split_numbers: Whether every digit is a token of its own, even of a number among the words.
    """
    letters = [*_PRINTABLE, *(_INSIDE + letter for letter in _PRINTABLE)]
    entries = dict.fromkeys([*_SPECIAL, *letters, *words])
    tokenizer = Tokenizer(
        models.WordPiece(
            {entry: i for i, entry in enumerate(entries)},
            unk_token=_SPECIAL[0],
            continuing_subword_prefix=_INSIDE,
        )
    )
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=split_numbers)]
    )
    tokenizer.decoder = decoders.WordPiece(prefix=_INSIDE, cleanup=True)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        unk_token=_SPECIAL[0],
        bos_token=_SPECIAL[1],
        eos_token=_SPECIAL[2],
        pad_token=_SPECIAL[0],
    )
