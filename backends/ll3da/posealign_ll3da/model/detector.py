"""The detector: scene tokens for the captioner, boxes for prompts and scores (section 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.box_heads import BoxHeads
from posealign_ll3da.model.detection_loss import DetectionCriterion
from posealign_ll3da.model.fourier import FourierCode
from posealign_ll3da.model.masked_encoder import MaskedEncoder
from posealign_ll3da.model.pointwise_mlp import PointwiseMlp, normed_layers, plain_layers
from posealign_ll3da.model.query_decoder import QueryDecoder
from posealign_ll3da.model.scene import SceneFeatures
from posealign_ll3da.model.set_abstraction import Abstraction, SetAbstraction
from posealign_ll3da.model.vote_queries import VoteQueries, Votes

if TYPE_CHECKING:
    from posealign_ll3da.model.cloud import CloudBatch
    from posealign_ll3da.model.config import DetectorConfig
    from posealign_ll3da.model.detection_loss import DetectionLoss, DetectionTargets
    from posealign_ll3da.model.proposals import Proposals

__all__ = ["Detection", "Detector"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Detection:
    """Everything that a detector computes.

    Attributes:
        scene: For the captioner.
        rows: (B, K) int64, which point of the cloud each token stands at.
        votes: Where tokens see objects.
        layers: Proposals of each decoder layer; the last are the answer.
    """

    scene: SceneFeatures
    rows: torch.Tensor
    votes: Votes
    layers: tuple[Proposals, ...]

    @property
    def proposals(self) -> Proposals:
        """What the last layer says."""
        return self.layers[-1]


class Detector(nn.Module):
    """Set abstraction, masked encoder, votes, decoder and heads.

    Args:
        config: Sizes.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        width = config.width
        self.tokenizer = SetAbstraction(
            config.n_points,
            config.radii_m[0],
            config.ball_sizes[0],
            (config.n_features, *config.first_mlp, width),
            skip_origin=config.fidelity.fps_origin is Fidelity.RELEASED,
        )
        self.encoder = MaskedEncoder(config)
        self.vote_query_generator = VoteQueries(config)
        self.encoder_to_decoder_projection = PointwiseMlp(
            [
                *normed_layers(width, width, None, bias=False),
                *normed_layers(width, width, None, bias=False),
            ]
        )
        self.pos_embedding = FourierCode(width)
        self.query_projection = PointwiseMlp(
            [*plain_layers(width, width), *plain_layers(width, width)]
        )
        self.decoder = QueryDecoder(config)
        self.mlp_heads = BoxHeads(config)
        self.criterion = DetectionCriterion(config.n_classes)

    def encode(self, cloud: CloudBatch) -> SceneFeatures:
        """Scene tokens alone, which is all that questions without a box need."""
        return self._scene(cloud, self._encode(cloud)[0])

    def forward(self, cloud: CloudBatch) -> Detection:
        """Tokens, votes and boxes."""
        encoded, rows = self._encode(cloud)
        scene = self._scene(cloud, encoded)
        votes: Votes = self.vote_query_generator(encoded.xyz, encoded.features)
        place = self.pos_embedding(scene.extent.normalise(votes.xyz))
        states = self.decoder(
            votes.features.mT,
            self.query_projection(place.mT).mT,
            scene.tokens,
            self.pos_embedding(scene.extent.normalise(encoded.xyz)),
        )
        layers = tuple(self.mlp_heads(state, votes.xyz, scene.extent) for state in states)
        return Detection(scene=scene, rows=rows, votes=votes, layers=layers)

    def loss(self, cloud: CloudBatch, targets: DetectionTargets) -> DetectionLoss:
        """The loss that a detector is trained with (section 2.9)."""
        detection = self(cloud)
        loss: DetectionLoss = self.criterion(
            detection.layers,
            cloud.extent,
            targets,
            vote_xyz=detection.votes.vote_xyz,
            seed_xyz=detection.scene.xyz,
            seed_rows=detection.rows,
        )
        return loss

    def _encode(self, cloud: CloudBatch) -> tuple[Abstraction, torch.Tensor]:
        """Encoded tokens before the projection, and their rows in the cloud."""
        points: Abstraction = self.tokenizer(cloud.xyz, cloud.features.mT)
        encoded: Abstraction = self.encoder(points.xyz, points.features)
        return encoded, points.rows.gather(1, encoded.rows)

    def _scene(self, cloud: CloudBatch, encoded: Abstraction) -> SceneFeatures:
        tokens = self.encoder_to_decoder_projection(encoded.features).mT
        return SceneFeatures(tokens=tokens, xyz=encoded.xyz, extent=cloud.extent)
