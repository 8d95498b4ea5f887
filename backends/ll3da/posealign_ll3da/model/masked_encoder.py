"""The encoder whose points see their surroundings only (specification sections 2.1 and 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.set_abstraction import Abstraction, SetAbstraction

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.config import DetectorConfig

__all__ = ["EncoderLayer", "MaskedEncoder", "in_reach"]


class EncoderLayer(nn.Module):
    """Pre-norm self-attention under a mask, and a feed-forward block.

    Args:
        width: Channels.
        n_heads: Attention heads.
        hidden: Channels of the feed-forward block.
        dropout: Rate.
    """

    def __init__(self, width: int, n_heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, n_heads, dropout, batch_first=True)
        self.linear1 = nn.Linear(width, hidden)
        self.linear2 = nn.Linear(hidden, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, points: Tensor, reach: Tensor) -> Tensor:
        """Update points (B, P, D); point i sees point j where `reach` (B, P, P) is true."""
        points = points + self.dropout(self._attend(self.norm1(points), reach))
        hidden = self.dropout(torch.relu(self.linear1(self.norm2(points))))
        updated: Tensor = points + self.dropout(self.linear2(hidden))
        return updated

    def _attend(self, points: Tensor, reach: Tensor) -> Tensor:
        # The module itself would copy the mask for every head, 0.5 GiB at the published size.
        attention = self.self_attn
        packed = nn.functional.linear(points, attention.in_proj_weight, attention.in_proj_bias)
        query, key, value = (
            part.view(*points.shape[:2], attention.num_heads, -1).transpose(1, 2)
            for part in packed.chunk(3, dim=-1)
        )
        attended = nn.functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=reach[:, None],
            dropout_p=attention.dropout if self.training else 0.0,
        )
        out: Tensor = attention.out_proj(attended.transpose(1, 2).flatten(2))
        return out


class MaskedEncoder(nn.Module):
    """Layers of growing reach; after the first, fewer points go on.

    Args:
        config: Sizes.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.radii_m = config.mask_radii_m
        self.exact = config.fidelity.mask_distance is Fidelity.CORRECT
        self.layers = nn.ModuleList(
            EncoderLayer(config.width, config.n_heads, config.encoder_ffn, config.dropout)
            for _ in config.mask_radii_m
        )
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.xavier_uniform_(parameter)
        self.interim_downsampling = SetAbstraction(
            config.n_tokens,
            config.radii_m[1],
            config.ball_sizes[1],
            (config.width,) * 4,
            skip_origin=config.fidelity.fps_origin is Fidelity.RELEASED,
        )

    def forward(self, xyz: Tensor, features: Tensor) -> Abstraction:
        """Encode points (B, P, 3) with features (B, C, P)."""
        first, *others = zip(self.layers, self.radii_m, strict=True)
        layer, radius_m = first
        points = layer(features.mT, in_reach(xyz, radius_m, exact=self.exact))
        fewer: Abstraction = self.interim_downsampling(xyz, points.mT)
        points = fewer.features.mT
        for layer, radius_m in others:
            points = layer(points, in_reach(fewer.xyz, radius_m, exact=self.exact))
        return Abstraction(fewer.xyz, points.mT, fewer.rows)


def in_reach(xyz: Tensor, radius_m: float, *, exact: bool) -> Tensor:
    """Which points (B, P, 3) lie nearer to each other than a radius: (B, P, P) bool.

    Args:
        xyz: Metres.
        radius_m: Exclusive.
        exact: Distances from differences; otherwise from a matrix product where that is faster.
    """
    mode = "donot_use_mm_for_euclid_dist" if exact else "use_mm_for_euclid_dist_if_necessary"
    distances: Tensor = torch.cdist(xyz, xyz, compute_mode=mode)
    return distances < radius_m
