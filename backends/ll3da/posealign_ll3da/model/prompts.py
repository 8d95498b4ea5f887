"""Boxes and clicks that say which object is meant (specification section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from posealign_ll3da.model.fourier import FourierCode

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da.model.cloud import Extent
    from posealign_ll3da.model.config import CaptionerConfig

__all__ = ["PromptEncoder", "PromptQueries", "VisualPrompts"]


@dataclass(frozen=True, kw_only=True, eq=False)
class VisualPrompts:
    """n boxes and m clicks for each of B scenes; either may be 0.

    A prompt that is not valid fills a place and has no effect.

    Attributes:
        box_features: (B, n, C) what `Proposals.features_of_boxes` gives for the boxes.
        box_valid: (B, n) bool.
        clicks: (B, m, 3) metres in INPUT.
        click_valid: (B, m) bool.
    """

    box_features: Tensor
    box_valid: Tensor
    clicks: Tensor
    click_valid: Tensor

    @classmethod
    def none(cls, tokens: Tensor) -> VisualPrompts:
        """No prompts for the scenes of `tokens` (B, K, C)."""
        size, device = len(tokens), tokens.device
        nothing = torch.zeros(size, 0, dtype=torch.bool, device=device)
        return cls(
            box_features=tokens[:, :0],
            box_valid=nothing,
            clicks=torch.zeros(size, 0, 3, device=device),
            click_valid=nothing,
        )


class PromptQueries(NamedTuple):
    """Queries for the Q-Former: boxes first, then clicks.

    Attributes:
        queries: (B, (n + m) * T, D).
        valid: (B, (n + m) * T) bool.
    """

    queries: Tensor
    valid: Tensor


class PromptEncoder(nn.Module):
    """Turns the state of a box, or the place of a click, into a few queries each.

    Args:
        config: Sizes.
    """

    def __init__(self, config: CaptionerConfig) -> None:
        super().__init__()
        self.tokens_per_prompt = config.tokens_per_prompt
        self.width = config.width
        self.box_prompt_projector = _projector(config)
        self.click_prompt_projector = _projector(config)
        self.pos_emb3d = FourierCode(config.token_width)

    def forward(
        self, prompts: VisualPrompts, extent: Extent, click_pose: Tensor | None = None
    ) -> PromptQueries:
        """Encode prompts.

        Args:
            prompts: What is meant.
            extent: Of the scenes.
            click_pose: (B, m, C) added to the codes of clicks (section 9.6).
        """
        codes = self.pos_emb3d(extent.normalise(prompts.clicks))
        if click_pose is not None:
            codes = codes + click_pose
        queries = torch.cat(
            [self.box_prompt_projector(prompts.box_features), self.click_prompt_projector(codes)],
            dim=1,
        )
        valid = torch.cat([prompts.box_valid, prompts.click_valid], dim=1)
        n_queries = queries.shape[1] * self.tokens_per_prompt
        return PromptQueries(
            queries=queries.reshape(len(queries), n_queries, self.width),
            valid=valid.repeat_interleave(self.tokens_per_prompt, dim=1),
        )


def _projector(config: CaptionerConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(config.token_width, config.width),
        nn.ReLU(),
        nn.Linear(config.width, config.tokens_per_prompt * config.width),
    )
