"""The network in its sizes and precision, with the weights that it starts from."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import torch
from transformers import LlamaConfig
from transformers.initialization import no_init_weights

from posealign_3d_llava.model.llava import LlavaLlamaForCausalLM
from posealign_3d_llava.model.projector import Projector
from posealign_3d_llava.model.tower import PointCloudTower
from posealign_core.align.embed import EGO_FEATURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import PreTrainedTokenizerBase

    from posealign_3d_llava.config import LlavaConfig

__all__ = ["build_network"]


def build_network(
    config: LlavaConfig, tokenizer: PreTrainedTokenizerBase, seg_token_id: int
) -> LlavaLlamaForCausalLM:
    """Build the network; the language model stays uninitialised where a base will fill it.

    Args:
        config: Sizes and precision.
        tokenizer: Gives the vocabulary and its special tokens.
        seg_token_id: Id of [SEG].
    """
    llm = config.llm
    llama = LlamaConfig(
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
    n_ego = EGO_FEATURES if config.ego_features else 0
    with ExitStack() as stack:
        stack.enter_context(_default_dtype(getattr(torch, config.dtype)))
        with ExitStack() as bare:
            if config.base is not None:
                bare.enter_context(no_init_weights())
            network = LlavaLlamaForCausalLM(
                llama,
                config.tower,
                seg_token_id=seg_token_id,
                n_ego_features=n_ego,
                max_length=llm.max_length,
            )
        if config.base is not None:
            # Neither is whole in any base: their own initialisation must not be skipped.
            width = config.tower.token_width + n_ego
            network.model.mm_projector = Projector(width, llm.width)
            network.model.pointcloud_tower = PointCloudTower(config.tower)
    return network


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
