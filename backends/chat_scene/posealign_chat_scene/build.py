"""The network in its sizes and precision, with the base that it starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_chat_scene.checkpoints.start import load_base
from posealign_chat_scene.model.network import ChatSceneNetwork
from posealign_core.language.llama import llama_config

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from posealign_chat_scene.config import ChatSceneConfig

__all__ = ["build_network"]


def build_network(config: ChatSceneConfig, tokenizer: PreTrainedTokenizerBase) -> ChatSceneNetwork:
    """Build the network, and fill its language model from the base where one is named.

    Args:
        config: Sizes, precision and files.
        tokenizer: With the identifiers behind all other words.

    Raises:
        CheckpointMismatchError: The base has other sizes.
        DataError: A file of it is missing or damaged.
    """
    network = ChatSceneNetwork(
        llama_config(config.llm, tokenizer),
        config.network,
        getattr(torch, config.dtype),
        initialise=config.base is None,
    )
    if config.base is not None:
        load_base(network, config.base)
    return network
