"""Random weights from which a small captioner learns sooner."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from posealign_ll3da.encode.boxes import N_STEPS

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

    from posealign_ll3da.model.captioner import Captioner

__all__ = ["start_captioner"]


@torch.no_grad()
def start_captioner(captioner: Captioner, tokenizer: PreTrainedTokenizerBase) -> None:
    """Let the Q-Former's queries take up words, and let numbers be like their neighbours.

    BERT's initial weights are so small that queries would be all but alike for all instructions.

    Args:
        captioner: Changed in place.
        tokenizer: Of its language model, with one token for every step of a box.
    """
    qformer = captioner.qformer
    for module in qformer.modules():
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=module.in_features**-0.5)
    nn.init.normal_(qformer.embeddings.word_embeddings.weight)
    first: Any = qformer.encoder.layer[0].attention
    first.output.dense.weight.copy_(first.attention.value.weight.T)
    steps = [str(step) for step in range(N_STEPS + 1)]
    words = cast("nn.Embedding", captioner.transformer.get_input_embeddings()).weight
    words[tokenizer.convert_tokens_to_ids(steps)] = _number_codes(words.shape[1]).to(words)


def _number_codes(width: int) -> Tensor:
    """(steps, width) sines and cosines of the steps, of norm 1."""
    places = torch.arange(N_STEPS + 1)[:, None] / N_STEPS
    angles = 2 * math.pi * places * torch.logspace(-2, 4, width // 2, base=2.0)
    return torch.cat([angles.sin(), angles.cos()], dim=1) / math.sqrt(width / 2)
