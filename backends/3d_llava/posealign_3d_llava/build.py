"""The network in its sizes and precision, with the weights that it starts from."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import torch
from transformers.initialization import no_init_weights

from posealign_3d_llava.model.llava import LlavaLlamaForCausalLM
from posealign_3d_llava.model.projector import Projector
from posealign_3d_llava.model.tower import PointCloudTower
from posealign_core.align.embed import EGO_FEATURES
from posealign_core.language.llama import default_dtype, llama_config

if TYPE_CHECKING:
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
    n_ego = EGO_FEATURES if config.ego_features else 0
    with ExitStack() as stack:
        stack.enter_context(default_dtype(getattr(torch, config.dtype)))
        with ExitStack() as bare:
            if config.base is not None:
                bare.enter_context(no_init_weights())
            network = LlavaLlamaForCausalLM(
                llama_config(config.llm, tokenizer),
                config.tower,
                seg_token_id=seg_token_id,
                n_ego_features=n_ego,
                max_length=config.llm.max_length,
            )
        if config.base is not None:
            # Neither is whole in any base: their own initialisation must not be skipped.
            width = config.tower.token_width + n_ego
            network.model.mm_projector = Projector(width, config.llm.width)
            network.model.pointcloud_tower = PointCloudTower(config.tower)
    return network
