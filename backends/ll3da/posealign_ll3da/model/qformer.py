"""The Q-Former: transformers' InstructBLIP one in LL3DA's sizes (specification section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import InstructBlipQFormerConfig, InstructBlipQFormerModel

if TYPE_CHECKING:
    from posealign_ll3da.model.config import CaptionerConfig

__all__ = ["build_qformer"]


def build_qformer(config: CaptionerConfig) -> InstructBlipQFormerModel:
    """Build it with random weights; visual prompts are queries to it, not text."""
    return InstructBlipQFormerModel(
        InstructBlipQFormerConfig(
            vocab_size=config.vocab_size,
            hidden_size=config.width,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            intermediate_size=config.ffn_width,
            hidden_dropout_prob=config.dropout,
            attention_probs_dropout_prob=config.dropout,
            max_position_embeddings=config.max_positions,
            cross_attention_frequency=2,
            encoder_hidden_size=config.token_width,
        )
    )
