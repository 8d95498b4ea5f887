"""From [SEG] states to masks over superpoints (specification section 3.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_3d_llava.model.attention import AttentionLayer, FeedForwardLayer, key_bias
from posealign_3d_llava.model.decoder import mlp

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_3d_llava.model.config import TowerConfig
    from posealign_3d_llava.model.segmentor import SceneFeatures

__all__ = ["MaskDecoder", "SegmentedScenes", "group_queries"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SegmentedScenes:
    """Masks of the R scenes that have a [SEG] state, padded to S states and Q superpoints.

    Attributes:
        scenes: (R,) int64 items of the batch, ascending.
        levels: Mask logits (R, S, Q) after 0, 1, ... layers; the last are the answer.
        query_valid: (R, S) bool.
        superpoint_valid: (R, Q) bool.
    """

    scenes: Tensor
    levels: tuple[Tensor, ...]
    query_valid: Tensor
    superpoint_valid: Tensor


def group_queries(queries: Tensor, scene_of_query: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pad the queries of each scene to the longest scene.

    Args:
        queries: (T, D), T > 0.
        scene_of_query: (T,) int64, ascending.

    Returns:
        The distinct scenes (R,), queries (R, S, D) and their validity (R, S).
    """
    scenes, row, counts = torch.unique(scene_of_query, return_inverse=True, return_counts=True)
    place = torch.arange(len(row), device=row.device) - (counts.cumsum(0) - counts)[row]
    size = int(counts.max())
    padded = queries.new_zeros(len(scenes), size, queries.shape[1])
    valid = torch.arange(size, device=row.device) < counts[:, None]
    return scenes, padded.index_put((row, place), queries), valid


class MaskDecoder(nn.Module):
    """Queries that look at each other and at the scene, then at every superpoint.

    `query_proj` does nothing; published checkpoints hold it.

    Args:
        config: Sizes.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width, n_layers = config.width, range(config.n_layers)
        self.query_proj = mlp(config.planes[0], width, width)
        self.self_attn_layers = nn.ModuleList(
            AttentionLayer(width, config.n_heads) for _ in n_layers
        )
        self.ffn_layers = nn.ModuleList(FeedForwardLayer(width, config.ffn_width) for _ in n_layers)
        self.out_norm = nn.LayerNorm(width)
        self.x_mask = mlp(config.planes[0], width, width)

    def forward(
        self, queries: Tensor, query_valid: Tensor, scenes: SceneFeatures
    ) -> tuple[Tensor, ...]:
        """Mask logits of every level.

        Args:
            queries: (R, S, D).
            query_valid: (R, S) bool.
            scenes: R encoded scenes.

        Returns:
            One (R, S, Q) per level.
        """
        masks = self.x_mask(scenes.superpoints.features).transpose(1, 2)
        valid = torch.cat([query_valid, scenes.superpoints.valid], dim=1)
        bias = key_bias(valid, queries.dtype)
        levels: list[Tensor] = [self.out_norm(queries) @ masks]
        layers = zip(self.self_attn_layers, self.ffn_layers, scenes.hidden, strict=False)
        for attention, feed_forward, hidden in layers:
            context = torch.cat([queries, hidden], dim=1)
            queries = feed_forward(attention(queries, context, bias))
            levels.append(self.out_norm(queries) @ masks)
        return tuple(levels)
