"""The decoder over superpoints and its heads (specification section 3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from posealign_3d_llava.model.attention import (
    DistanceBiasedAttentionLayer,
    FeedForwardLayer,
    distances,
    key_bias,
)

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_3d_llava.model.config import TowerConfig
    from posealign_3d_llava.model.superpoints import Superpoints

__all__ = ["SuperpointDecoder", "mlp"]


def mlp(n_in: int, hidden: int, n_out: int) -> nn.Sequential:
    """Linear, ReLU, Linear."""
    return nn.Sequential(nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, n_out))


class SuperpointDecoder(nn.Module):
    """One query per superpoint, refined by distance-biased self-attention.

    Args:
        config: Sizes.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width, n_layers = config.width, range(config.n_layers)
        self.query_proj = mlp(config.planes[0], width, width)
        self.self_attn_layers = nn.ModuleList(
            DistanceBiasedAttentionLayer(width, config.n_heads) for _ in n_layers
        )
        self.ffn_layers = nn.ModuleList(FeedForwardLayer(width, config.ffn_width) for _ in n_layers)
        self.out_norm = nn.LayerNorm(width)
        self.out_cls = mlp(width, width, config.n_classes + 1)
        self.x_mask = mlp(config.planes[0], width, width)
        self.out_sem = nn.Linear(width, config.n_semantic)

    def forward(self, superpoints: Superpoints) -> tuple[Tensor, ...]:
        """Hidden states h0, h1, ..., each (B, Q, D); h0 is the projected input."""
        distance = distances(superpoints.centers, superpoints.centers)
        bias = key_bias(superpoints.valid, superpoints.features.dtype)
        hidden: list[Tensor] = [self.query_proj(superpoints.features)]
        for attention, feed_forward in zip(self.self_attn_layers, self.ffn_layers, strict=True):
            attended = attention(hidden[-1], hidden[-1], bias, distance)
            hidden.append(feed_forward(attended))
        return tuple(hidden)

    def class_logits(self, hidden: Tensor) -> Tensor:
        """(B, Q, classes + 1) of hidden states (B, Q, D); the last class is "no object"."""
        logits: Tensor = self.out_cls(self.out_norm(hidden))
        return logits

    def mask_logits(self, hidden: Tensor, features: Tensor) -> Tensor:
        """(B, Q, Q): which superpoints belong to the object that each query stands for.

        Args:
            hidden: (B, Q, D) hidden states.
            features: (B, Q, C) superpoint features.
        """
        logits: Tensor = self.out_norm(hidden) @ self.x_mask(features).transpose(1, 2)
        return logits

    def semantic_logits(self, hidden: Tensor) -> Tensor:
        """(B, Q, semantic classes) of hidden states (B, Q, D)."""
        logits: Tensor = self.out_sem(self.out_norm(hidden))
        return logits
