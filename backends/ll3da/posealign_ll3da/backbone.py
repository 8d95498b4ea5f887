"""LL3DA as a backbone: scene tokens and boxes of a detector, under the captioner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from posealign_ll3da.build import build_network
from posealign_ll3da.captioner_backbone import CaptionerBackbone
from posealign_ll3da.checkpoints.published import load_published
from posealign_ll3da.checkpoints.start import load_detector
from posealign_ll3da.dense import Described, describe
from posealign_ll3da.rows import rows_of
from posealign_ll3da.scenes import Scenes, clouds_of
from posealign_ll3da.tokenizer import load_tokenizers

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.backbone import Batch, LoadReport
    from posealign_ll3da.config import Ll3daConfig
    from posealign_ll3da.model.network import Ll3daNetwork
    from posealign_ll3da.model.scene import SceneFeatures

__all__ = ["Ll3daBackbone"]

TINY_WEIGHTS = Path(__file__).parent / "weights" / "tiny.safetensors"


class Ll3daBackbone(CaptionerBackbone):
    """The network, and the way from its words to boxes and objects.

    Args:
        config: Sizes, files and fidelity.

    Raises:
        CheckpointMismatchError: A file that the config names does not fit.
        DataError: A file that the config names is missing or damaged.
    """

    network: Ll3daNetwork

    def __init__(self, config: Ll3daConfig) -> None:
        tokenizers = load_tokenizers(config)
        super().__init__(config, tokenizers, build_network(config, tokenizers))
        self.ll3da_config = config
        self._scenes = Scenes()
        if config.detector_weights is not None:
            load_detector(self.network, config.detector_weights)
        if config.pretrained:
            self.load_published(TINY_WEIGHTS).require_exact(str(TINY_WEIGHTS))

    def scenes_and_boxes(self, batch: Batch) -> tuple[SceneFeatures, Tensor]:
        """Tokens, and states of the proposals that box prompts overlap; see the base class."""
        rows = torch.arange(len(batch["xyz"]), device=batch["xyz"].device)
        if "cloud_digests" in batch and not self.network.detector_learns:
            seen = self._scenes.detected(self.network, batch, rows)
            found = rows_of(seen.proposals, batch["cloud_of_question"])
            return seen.scene, found.features_of_boxes(batch["box"])
        clouds = clouds_of(batch, rows)
        if batch["box_valid"].any():
            scenes, proposals = self.network.detect(clouds)
            found = rows_of(proposals, batch["cloud_of_question"])
            return scenes, found.features_of_boxes(batch["box"])
        scenes = self.network.encode(clouds)
        return scenes, scenes.tokens.new_zeros(*batch["box_valid"].shape, scenes.tokens.shape[-1])

    def encoded(self, batch: Batch) -> SceneFeatures:
        """Tokens of the cloud of every question."""
        return self._scenes.encoded(self.network, batch)

    def box_features(self, batch: Batch, questions: Tensor) -> Tensor:
        """States of the proposals that the boxes of questions overlap most."""
        clouds = batch["cloud_of_question"][questions]
        proposals = self._scenes.detected(self.network, batch, clouds).proposals
        return proposals.features_of_boxes(batch["box"][questions])

    def load_published(self, path: Path) -> LoadReport:
        """Load a published checkpoint, or one with a language model; see `checkpoints.published`.

        Raises:
            CheckpointMismatchError: The file holds a detector alone.
        """
        return load_published(self.network, path)

    def _described(self, batch: Batch) -> list[Described | None]:
        """What dense captions are about; None for every other question."""
        found: list[Described | None] = [None] * len(batch["kind"])
        rows = [q for q, sought in enumerate(batch["sought"]) if sought is not None]
        if rows:
            clouds = batch["detection_cloud_of_question"][rows]
            detected = self._scenes.detected(self.network, batch, clouds)
            for row, q in enumerate(rows):
                found[q] = describe(batch["sought"][q], detected, row)
        return found
