"""The network in its sizes and precision, with the weights that it starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from transformers import OPTConfig, OPTForCausalLM

from posealign_core.errors import CheckpointMismatchError, DataError
from posealign_core.language.llama import default_dtype
from posealign_ll3da.model.network import Ll3daNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedTokenizerBase

    from posealign_ll3da.config import LanguageConfig, Ll3daConfig, LlmConfig
    from posealign_ll3da.model.config import CaptionerConfig
    from posealign_ll3da.tokenizer import Tokenizers

__all__ = ["build_llm", "build_network", "captioner_sizes"]


def build_network(config: Ll3daConfig, tokenizers: Tokenizers) -> Ll3daNetwork:
    """Build the network; its language model is random unless the configuration names a base.

    Raises:
        CheckpointMismatchError: The base has other sizes.
        DataError: The base is missing or damaged.
    """
    captioner = captioner_sizes(config, tokenizers)
    return Ll3daNetwork(config.detector, captioner, build_llm(config, tokenizers))


def build_llm(config: LanguageConfig, tokenizers: Tokenizers) -> OPTForCausalLM:
    """Build the language model; it is random unless the configuration names a base.

    Raises:
        CheckpointMismatchError: The base has other sizes.
        DataError: The base is missing or damaged.
    """
    dtype = getattr(torch, config.llm.dtype)
    if config.base is not None:
        return _load_base(config.base, config.llm, dtype)
    with default_dtype(dtype):
        return OPTForCausalLM(_opt_config(config.llm, tokenizers.llm))


def captioner_sizes(config: LanguageConfig, tokenizers: Tokenizers) -> CaptionerConfig:
    """The captioner's sizes, with the toy vocabulary's where no tokenizer is named."""
    if config.qformer_tokenizer is not None:
        return config.captioner
    return replace(config.captioner, vocab_size=len(tokenizers.qformer))


def _opt_config(llm: LlmConfig, tokenizer: PreTrainedTokenizerBase) -> OPTConfig:
    return OPTConfig(
        vocab_size=llm.vocab_size or len(tokenizer),
        hidden_size=llm.width,
        word_embed_proj_dim=llm.width,
        num_hidden_layers=llm.n_layers,
        num_attention_heads=llm.n_heads,
        ffn_dim=llm.ffn_width,
        max_position_embeddings=llm.max_positions,
        dropout=0.0,
        init_std=llm.width**-0.5,  # a narrow frozen model must still be able to be sure of a word
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def _load_base(folder: Path, llm: LlmConfig, dtype: torch.dtype) -> OPTForCausalLM:
    try:
        found: OPTForCausalLM = OPTForCausalLM.from_pretrained(
            str(folder), dtype=dtype, local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{folder}: wanted an OPT language model, found none ({error})") from error
    have, sizes = found.config, (llm.width, llm.n_layers, llm.n_heads, llm.ffn_width)
    there = (have.hidden_size, have.num_hidden_layers, have.num_attention_heads, have.ffn_dim)
    if there != sizes:
        raise CheckpointMismatchError(
            f"{folder}: wanted width, layers, heads and feed-forward width {sizes}, found {there}; "
            "set config.llm to them"
        )
    return found
