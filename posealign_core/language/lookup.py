"""A LLaMA that starts by looking words up, for small models that learn from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM

__all__ = ["start_as_lookup"]


@torch.no_grad()
def start_as_lookup(lm: LlamaForCausalLM) -> None:
    """Start from a model that finds a word's like and repeats it, instead of from noise.

    A query matches the key of the same word, attention passes on what it finds, and the head names
    the word that it is given. Training may undo all of it, but finding the object that a question
    means is the first thing to learn.

    Args:
        lm: Changed in place: embeddings, head, and the keys and outputs of every layer.
    """
    words = lm.model.embed_tokens.weight
    width = words.shape[1]
    nn.init.normal_(words)
    lm.lm_head.weight.copy_(words * width**-0.5)
    for layer in lm.model.layers:
        nn.init.normal_(layer.self_attn.q_proj.weight, std=width**-0.5)
        nn.init.normal_(layer.self_attn.v_proj.weight, std=width**-0.5)
        layer.self_attn.k_proj.weight.copy_(layer.self_attn.q_proj.weight)
        layer.self_attn.o_proj.weight.copy_(layer.self_attn.v_proj.weight.T)
