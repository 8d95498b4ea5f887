"""Uni3D: an image transformer over point tokens (chat_scene spec 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import timm
import torch
from torch import nn

from posealign_chat_scene.extraction.point_tokens import GroupEncoder, group_points_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GIANT", "TINY", "Uni3D", "Uni3DConfig"]

_GIANT = "eva_giant_patch14_560"


@dataclass(frozen=True, kw_only=True)
class Uni3DConfig:
    """Sizes of the encoder.

    Attributes:
        n_groups: Point tokens per object.
        group_size: Points per token.
        group_width: Width of the tokens before the transformer.
        width: Width of the transformer.
        depth: Its blocks.
        n_heads: Its attention heads.
        mlp_width: Its hidden width.
        dim: Size of the feature.
    """

    n_groups: int
    group_size: int
    group_width: int
    width: int
    depth: int
    n_heads: int
    mlp_width: int
    dim: int


GIANT = Uni3DConfig(
    n_groups=512,
    group_size=64,
    group_width=512,
    width=1408,
    depth=40,
    n_heads=16,
    mlp_width=6144,
    dim=1024,
)
"""Uni3D-g, as published."""

TINY = Uni3DConfig(
    n_groups=32,
    group_size=16,
    group_width=64,
    width=64,
    depth=1,
    n_heads=4,
    mlp_width=128,
    dim=64,
)
"""For the embedded benchmark, with random but fixed weights."""


class Uni3D(nn.Module):
    """Encodes one object as one vector.

    Args:
        config: Sizes. `GIANT` has the names and shapes of the published file; build it under
            `torch.device("meta")` and fill it, for it has a thousand million weights.
    """

    def __init__(self, config: Uni3DConfig) -> None:
        super().__init__()
        self.config_of_sizes = config
        self.encoder = GroupEncoder(config.group_width)
        self.encoder2trans = nn.Linear(config.group_width, config.width)
        self.pos_embed = nn.Sequential(nn.Linear(3, 128), nn.GELU(), nn.Linear(128, config.width))
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.width))
        self.cls_pos = nn.Parameter(torch.zeros(1, 1, config.width))
        self.visual = _transformer(config)
        self.trans2embed = nn.Linear(config.width, config.dim)

    def forward(self, points: Tensor, colors: Tensor, lengths: Tensor) -> Tensor:
        """Encode padded clouds; arguments as for `group_points_of`.

        Returns:
            (B, D) float32 features, not normalised.
        """
        config = self.config_of_sizes
        groups = group_points_of(
            points, colors, lengths, n_groups=config.n_groups, group_size=config.group_size
        )
        tokens = self.encoder2trans(self.encoder(groups.members))
        tokens = tokens + self.pos_embed(groups.centers)
        first = (self.cls_token + self.cls_pos).expand(len(tokens), -1, -1)
        x = torch.cat([first, tokens], dim=1)
        for block in self.visual.blocks:
            x = block(x)
        feature: Tensor = self.trans2embed(self.visual.fc_norm(self.visual.norm(x[:, 0])))
        return feature.float()


def _transformer(config: Uni3DConfig) -> Any:
    """Blocks and last norm of timm's EVA, without its image stem and classifier."""
    visual: Any = timm.create_model(
        _GIANT,
        num_classes=0,
        img_size=14,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.n_heads,
        mlp_ratio=config.mlp_width / config.width,
    )
    visual.patch_embed = nn.Identity()
    visual.cls_token = visual.pos_embed = None
    return visual
