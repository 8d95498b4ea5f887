"""The tokenizer: Llama's from a folder, or a toy one over a closed vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from posealign_3d_llava.model.special_tokens import add_seg_token
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import PreTrainedTokenizerBase

__all__ = ["VOCABULARY", "load_tokenizer", "toy_tokenizer"]

VOCABULARY = Path(__file__).parent / "weights" / "vocabulary.txt"
_SPECIAL = ("<unk>", "<s>", "</s>")
_PRINTABLE = [chr(code) for code in range(33, 127)]
_INSIDE = "##"


def load_tokenizer(folder: Path | None) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a model and give it [SEG] (specification section 4.2).

    Args:
        folder: Holds a Llama tokenizer; None for the toy one.

    Raises:
        DataError: The folder holds no tokenizer.
    """
    if folder is None:
        tokenizer: PreTrainedTokenizerBase = toy_tokenizer(
            VOCABULARY.read_text(encoding="utf-8").split()
        )
    else:
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError) as error:
            raise DataError(f"{folder}: wanted a Llama tokenizer, found none ({error})") from error
        tokenizer.pad_token = tokenizer.unk_token
    add_seg_token(tokenizer)
    return tokenizer


def toy_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """Build a tokenizer of whole lower-case words that spells the words which it lacks.

    Args:
        words: Its vocabulary, besides the printable characters.
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
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Digits(individual_digits=True)]
    )
    tokenizer.decoder = decoders.WordPiece(prefix=_INSIDE, cleanup=True)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        unk_token=_SPECIAL[0],
        bos_token=_SPECIAL[1],
        eos_token=_SPECIAL[2],
        pad_token=_SPECIAL[0],
    )
