"""The two tokenizers: the language model's, and the Q-Former's (specification section 3.3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from transformers import AutoTokenizer

from posealign_core.errors import ConfigError, DataError
from posealign_core.language.tokenizers import toy_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from posealign_ll3da.config import LanguageConfig

__all__ = ["VOCABULARY", "Tokenizers", "load_tokenizers"]

VOCABULARY = Path(__file__).parent / "weights" / "vocabulary.txt"


class Tokenizers(NamedTuple):
    """One instruction is read by both.

    Attributes:
        llm: Of the language model; puts nothing in front, and pads with its end mark.
        qformer: Of the Q-Former.
    """

    llm: PreTrainedTokenizerBase
    qformer: PreTrainedTokenizerBase


def load_tokenizers(config: LanguageConfig) -> Tokenizers:
    """Load the tokenizers that a configuration names, or the toy one for both.

    Raises:
        ConfigError: Only one of the two folders is named.
        DataError: A folder holds no tokenizer, or one that puts a mark before every text.
    """
    if config.tokenizer is None and config.qformer_tokenizer is None:
        toy = toy_tokenizer(VOCABULARY.read_text(encoding="utf-8").split(), split_numbers=False)
        return Tokenizers(toy, toy)
    if config.tokenizer is None or config.qformer_tokenizer is None:
        fault = "tokenizer and qformer_tokenizer: wanted both folders or neither, found one"
        raise ConfigError([fault], source="tokenizers")
    llm = _load(config.tokenizer, add_bos_token=False)
    llm.pad_token = llm.eos_token
    first = llm("a")["input_ids"][:1]
    if llm.bos_token_id is not None and first == [llm.bos_token_id]:
        raise DataError(
            f"{config.tokenizer}: wanted a tokenizer that puts no mark before a text, found one "
            f"that starts with {llm.bos_token!r}; every position would be off by one"
        )
    return Tokenizers(llm, _load(config.qformer_tokenizer))


def _load(folder: Path, **options: bool) -> PreTrainedTokenizerBase:
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, **options
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: wanted a tokenizer, found none ({error})") from error
    return tokenizer
