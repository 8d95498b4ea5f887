"""LL3DA-SONATA as a backbone: scene tokens of a Point Transformer, under LL3DA's captioner."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from posealign_core.nn.feature_cache import FeatureCache
from posealign_ll3da.build import build_llm, captioner_sizes
from posealign_ll3da.captioner_backbone import CaptionerBackbone
from posealign_ll3da.rows import rows_of
from posealign_ll3da.scenes import encoded_once
from posealign_ll3da.tokenizer import load_tokenizers
from posealign_ll3da_sonata.checkpoints import load_published
from posealign_ll3da_sonata.encode.clouds import clouds_of
from posealign_ll3da_sonata.model.box_tokens import box_tokens
from posealign_ll3da_sonata.model.network import SonataNetwork
from posealign_ll3da_sonata.ptv3.checkpoint import load_encoder

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.backbone import Batch, LoadReport, Trainable
    from posealign_ll3da.model.scene import SceneFeatures
    from posealign_ll3da_sonata.config import SonataConfig
    from posealign_ll3da_sonata.model.tokens import VoxelTokens

__all__ = ["SonataBackbone"]

TINY_WEIGHTS = Path(__file__).parent / "weights" / "tiny.safetensors"


class SonataBackbone(CaptionerBackbone):
    """The network, and the way from its words to boxes and objects.

    Args:
        config: Sizes, files and fidelity.

    Raises:
        CheckpointMismatchError: A file that the config names does not fit.
        DataError: A file that the config names is missing or damaged.
    """

    network: SonataNetwork

    def __init__(self, config: SonataConfig) -> None:
        tokenizers = load_tokenizers(config)
        captioner = captioner_sizes(config, tokenizers)
        network = SonataNetwork(config, captioner, build_llm(config, tokenizers))
        super().__init__(config, tokenizers, network)
        self._scenes: FeatureCache[VoxelTokens] = FeatureCache()
        if config.encoder_weights is not None:
            network.scene_encoder = load_encoder(
                config.encoder_weights, config=config.encoder, options=config.encoder_options
            )
        if config.pretrained:
            self.load_published(TINY_WEIGHTS).require_exact(str(TINY_WEIGHTS))

    def scenes_and_boxes(self, batch: Batch) -> tuple[SceneFeatures, Tensor]:
        """Tokens, and means of those inside box prompts; see the base class."""
        if "cloud_digests" in batch and not self.network.encoder_learns:
            rows = torch.arange(len(batch["counts"]), device=batch["xyz"].device)
            scenes = self.network.adapt(self._read(batch, rows))
        else:
            scenes = self.network.encode(clouds_of(batch))
        return scenes, box_tokens(scenes.of_scenes(batch["cloud_of_question"]), batch["box"])

    def encoded(self, batch: Batch) -> SceneFeatures:
        """Tokens of the cloud of every question."""
        used, place = batch["cloud_of_question"].unique(return_inverse=True)
        return self.network.adapt(self._read(batch, used)).of_scenes(place)

    def box_features(self, batch: Batch, questions: Tensor) -> Tensor:
        """Means of the tokens inside the boxes of questions."""
        return box_tokens(rows_of(self.encoded(batch), questions), batch["box"][questions])

    def trainable(self) -> Trainable:
        """What LL3DA trains, and the adapter."""
        trained = super().trainable()
        if self.language_config.trained == "qformer_only":
            return trained
        return replace(trained, full_modules=("network.scene_adapter", *trained.full_modules))

    def load_published(self, path: Path) -> LoadReport:
        """Load a checkpoint with or without encoder and language model; see `checkpoints`."""
        return load_published(self.network, path)

    def _read(self, batch: Batch, clouds: Tensor) -> VoxelTokens:
        """What the encoder makes of clouds (R,), kept per scene and pose until it changes."""

        def read(rows: Tensor) -> VoxelTokens:
            # An evaluation's features may serve the training that goes on.
            with torch.inference_mode(False), torch.no_grad():
                return self.network.read(clouds_of(batch, rows.tolist()))

        return encoded_once(self._scenes, self.network.scene_encoder, batch, clouds, read)
