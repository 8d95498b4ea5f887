"""The decoder that refines box queries against the scene (specification section 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.config import DetectorConfig

__all__ = ["DecoderLayer", "QueryDecoder"]


class DecoderLayer(nn.Module):
    """Pre-norm self-attention, cross-attention and a feed-forward block.

    Args:
        config: Sizes.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        width, n_heads, dropout = config.width, config.n_heads, config.dropout
        self.self_attn = nn.MultiheadAttention(width, n_heads, dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(width, n_heads, dropout, batch_first=True)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.linear1 = nn.Linear(width, config.decoder_ffn)
        self.linear2 = nn.Linear(config.decoder_ffn, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, queries: Tensor, query_code: Tensor, memory: Tensor, memory_code: Tensor
    ) -> Tensor:
        """Update queries (B, Q, D) against memory (B, K, D), with codes of their places."""
        normed = self.norm1(queries)
        placed = normed + query_code
        attended, _ = self.self_attn(placed, placed, normed, need_weights=False)
        queries = queries + self.dropout(attended)
        attended, _ = self.multihead_attn(
            self.norm2(queries) + query_code, memory + memory_code, memory, need_weights=False
        )
        queries = queries + self.dropout(attended)
        hidden = self.dropout(torch.relu(self.linear1(self.norm3(queries))))
        updated: Tensor = queries + self.dropout(self.linear2(hidden))
        return updated


class QueryDecoder(nn.Module):
    """Layers in a row; what each one says is normalised by one shared norm.

    Args:
        config: Sizes.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.n_decoder_layers))
        self.norm = nn.LayerNorm(config.width)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(
        self, queries: Tensor, query_code: Tensor, memory: Tensor, memory_code: Tensor
    ) -> tuple[Tensor, ...]:
        """Normalised queries (B, Q, D) after each layer; arguments as for a layer."""
        states = []
        for layer in self.layers:
            queries = layer(queries, query_code, memory, memory_code)
            states.append(self.norm(queries))
        return tuple(states)
