"""From a marked region to one prompt vector (specification section 3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_3d_llava.model.attention import (
    DistanceBiasedAttentionLayer,
    FeedForwardLayer,
    distances,
    key_bias,
)
from posealign_3d_llava.model.decoder import mlp
from posealign_core.errors import ShapeError
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_3d_llava.model.config import TowerConfig
    from posealign_3d_llava.model.segmentor import SceneFeatures

__all__ = ["VisualSampler"]


class VisualSampler(nn.Module):
    """The mean state of the marked superpoints, refined by looking at the scene.

    `query_proj` does nothing; published checkpoints hold it.

    Args:
        config: Sizes and fidelity.
    """

    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width, n_layers = config.width, range(config.n_layers)
        self.refuses_empty = config.fidelity.empty_prompt is Fidelity.CORRECT
        self.query_proj = mlp(config.planes[0], width, width)
        self.self_attn_layers = nn.ModuleList(
            DistanceBiasedAttentionLayer(width, config.n_heads) for _ in n_layers
        )
        self.ffn_layers = nn.ModuleList(FeedForwardLayer(width, config.ffn_width) for _ in n_layers)

    def forward(self, scenes: SceneFeatures, masks: Tensor) -> Tensor:
        """Describe one region of each scene.

        Args:
            scenes: P encoded scenes.
            masks: (P, Q) bool, the marked superpoints.

        Returns:
            (P, D).

        Raises:
            ShapeError: A mask marks nothing (the released network answers NaN).
        """
        if self.refuses_empty and not masks.any(dim=1).all():
            raise ShapeError(
                "visual sampler: wanted at least one superpoint in every prompt mask, found none "
                f"in rows {(~masks.any(dim=1)).nonzero().flatten().tolist()}; make masks with "
                "prompt_mask"
            )
        centers = scenes.superpoints.centers
        prompt, prompt_center = _mean(scenes.hidden[0], masks), _mean(centers, masks)
        distance = distances(prompt_center, torch.cat([prompt_center, centers], dim=1))
        valid = torch.cat([masks.new_ones(len(masks), 1), scenes.superpoints.valid], dim=1)
        bias = key_bias(valid, prompt.dtype)
        layers = zip(self.self_attn_layers, self.ffn_layers, scenes.hidden, strict=False)
        for attention, feed_forward, hidden in layers:
            context = torch.cat([prompt, hidden.detach()], dim=1)
            prompt = feed_forward(attention(prompt, context, bias, distance))
        return prompt.squeeze(1)


def _mean(values: Tensor, masks: Tensor) -> Tensor:
    """(P, 1, C) mean over the marked rows of (P, Q, C), in float32, cast back."""
    wide = torch.promote_types(values.dtype, torch.float32)
    weights = masks[:, None].to(wide)
    return (weights @ values.to(wide) / weights.sum(-1, keepdim=True)).to(values.dtype)
