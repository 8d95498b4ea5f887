"""Building a LLaMA in a configuration's sizes and precision."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from transformers import LlamaConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedTokenizerBase

    from posealign_core.language.llm_config import LlmConfig

__all__ = ["default_dtype", "llama_config"]


def llama_config(llm: LlmConfig, tokenizer: PreTrainedTokenizerBase) -> LlamaConfig:
    """The configuration of transformers for some sizes and a tokenizer's vocabulary."""
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=llm.width,
        intermediate_size=llm.mlp_width,
        num_hidden_layers=llm.n_layers,
        num_attention_heads=llm.n_heads,
        max_position_embeddings=llm.max_length,
        rms_norm_eps=llm.norm_epsilon,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
    )


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Make new floating-point tensors of one type while a block runs."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
