"""LL3DA-SONATA: encoder, adapter and captioner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from posealign_ll3da.model.captioner import Captioner
from posealign_ll3da.model.scene import SceneFeatures
from posealign_ll3da_sonata.model.tokens import voxel_tokens
from posealign_ll3da_sonata.ptv3.encoder import PointTransformer
from posealign_ll3da_sonata.ptv3.upcasting import upcast_width

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from posealign_ll3da.model.config import CaptionerConfig
    from posealign_ll3da_sonata.config import SonataConfig
    from posealign_ll3da_sonata.model.tokens import VoxelTokens
    from posealign_ll3da_sonata.ptv3.points import PointBatch

__all__ = ["SceneAdapter", "SonataNetwork"]


class SceneAdapter(nn.Module):
    """LayerNorm, Linear and ReLU: scene tokens are not negative, as LL3DA's are not.

    Args:
        n_in: Channels of the encoder's features.
        width: Channels of a scene token.
    """

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(n_in)
        self.fc = nn.Linear(n_in, width)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, K, C) to (B, K, width)."""
        return nn.functional.relu(self.fc(self.norm(features)))


class SonataNetwork(nn.Module):
    """The whole network.

    Args:
        config: Sizes of encoder and tokens.
        captioner: Sizes of prompts and Q-Former.
        llm: The language model.
    """

    def __init__(
        self, config: SonataConfig, captioner: CaptionerConfig, llm: PreTrainedModel
    ) -> None:
        super().__init__()
        self.token_config = config.tokens
        self.scene_encoder = PointTransformer(config.encoder, config.encoder_options)
        self.scene_adapter = SceneAdapter(
            upcast_width(config.encoder, config.tokens.n_joined), captioner.token_width
        )
        self.captioner = Captioner(captioner, llm)

    def encode(self, points: PointBatch) -> SceneFeatures:
        """Scene tokens of clouds."""
        return self.adapt(self.read(points))

    def read(self, points: PointBatch) -> VoxelTokens:
        """What the encoder alone makes of clouds."""
        return voxel_tokens(self.scene_encoder(points), self.token_config)

    def adapt(self, tokens: VoxelTokens) -> SceneFeatures:
        """Scene tokens out of what was read."""
        return SceneFeatures(
            tokens=self.scene_adapter(tokens.features),
            xyz=tokens.xyz,
            extent=tokens.extent,
            valid=tokens.valid,
        )

    @property
    def encoder_learns(self) -> bool:
        """Whether anything of the encoder is trained."""
        return any(parameter.requires_grad for parameter in self.scene_encoder.parameters())

    def train(self, mode: bool = True) -> SonataNetwork:
        """Switch modes; a part of which nothing is trained always evaluates."""
        super().train(mode)
        for part in (self.scene_encoder, self.captioner.transformer):
            if not any(parameter.requires_grad for parameter in part.parameters()):
                part.eval()
        return self
