"""Attention and feed-forward layers of the superpoint transformer (specification section 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "AttentionLayer",
    "DistanceBiasedAttentionLayer",
    "FeedForwardLayer",
    "distances",
    "key_bias",
]


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention with the parameter names of `nn.MultiheadAttention`.

    Its own module because the library's may switch to a fused path that takes a float mask for a
    boolean one.

    Args:
        width: Channels.
        n_heads: Heads; divides `width`.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, rows: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """Let each row look at the context.

        Args:
            rows: (B, S, D).
            context: (B, T, D).
            bias: Added to the logits; broadcasts to (B, heads, S, T).
        """
        weights = self.in_proj_weight.chunk(3)
        biases = self.in_proj_bias.chunk(3)
        query, key, value = (
            self._split_heads(nn.functional.linear(x, w, b))
            for x, w, b in zip((rows, context, context), weights, biases, strict=True)
        )
        if not query.numel():  # torch's CUDA kernel for an empty batch gives nothing at all
            return torch.zeros_like(rows)
        attended = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias.to(query.dtype)
        )
        result: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return result

    def _split_heads(self, x: Tensor) -> Tensor:
        """(B, T, D) to (B, heads, T, D / heads)."""
        return x.view(*x.shape[:2], self.n_heads, x.shape[2] // self.n_heads).transpose(1, 2)


class AttentionLayer(nn.Module):
    """Attention, residual, LayerNorm.

    Args:
        width: Channels.
        n_heads: Heads.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.attn = MultiHeadAttention(width, n_heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, rows: Tensor, context: Tensor, bias: Tensor) -> Tensor:
        """Update rows (B, S, D) from context (B, T, D); see `MultiHeadAttention.forward`."""
        updated: Tensor = self.norm(rows + self.attn(rows, context, bias))
        return updated


class DistanceBiasedAttentionLayer(AttentionLayer):
    """Attention that falls off with distance, at a rate that each row and head chooses.

    The logits of head k get `-distance * gen_tau(row)[k] * scale_factor[k]`.

    Args:
        width: Channels.
        n_heads: Heads.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__(width, n_heads)
        self.gen_tau = nn.Linear(width, n_heads)
        self.scale_factor = nn.Parameter(torch.full((n_heads,), 10.0))
        nn.init.zeros_(self.gen_tau.weight)
        nn.init.uniform_(self.gen_tau.bias, 0.0, 2.0)

    def forward(self, rows: Tensor, context: Tensor, bias: Tensor, distance: Tensor) -> Tensor:  # type: ignore[override]
        """Update rows (B, S, D) from context (B, T, D).

        Args:
            rows: What is updated.
            context: What it looks at.
            bias: Further additions to the logits, as in `key_bias`.
            distance: (B, S, T) metres between rows and context.
        """
        rates = (self.gen_tau(rows) * self.scale_factor).transpose(1, 2)
        return super().forward(rows, context, bias - distance[:, None] * rates[..., None])


class FeedForwardLayer(nn.Module):
    """Linear, GELU, Linear, residual, LayerNorm.

    Args:
        width: Channels.
        hidden: Channels in between.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        # Published checkpoints count a dropout of rate 0 as entry 2, so the second Linear is 3.
        self.net = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Identity(), nn.Linear(hidden, width)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, rows: Tensor) -> Tensor:
        """Update rows (B, S, D)."""
        updated: Tensor = self.norm(rows + self.net(rows))
        return updated


def key_bias(valid: Tensor, dtype: torch.dtype) -> Tensor:
    """Logits' bias (B, 1, 1, T) that hides padded context, given `valid` (B, T) bool."""
    return torch.zeros(valid.shape, dtype=dtype, device=valid.device).masked_fill_(
        ~valid, float("-inf")
    )[:, None, None]


def distances(a: Tensor, b: Tensor) -> Tensor:
    """(B, S, T) Euclidean distances of (B, S, 3) and (B, T, 3), in their own dtype."""
    lengths: Tensor = torch.linalg.vector_norm(a[:, :, None] - b[:, None], dim=-1)
    return lengths
