"""Chat-Scene as a backbone: losses and answers from encoded batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from posealign_chat_scene.build import build_network
from posealign_chat_scene.checkpoints.published import load_published
from posealign_chat_scene.decode import answer_of, text_of
from posealign_chat_scene.generation import generate
from posealign_chat_scene.model.network import Row
from posealign_chat_scene.model.scene import SceneBatch
from posealign_chat_scene.texts import TEXT_RULES, TaskTexts
from posealign_chat_scene.tokenizer import load_tokenizer
from posealign_core.align.embed import EGO_FEATURES
from posealign_core.backbone import Backbone, RawAnswer, StepOutput, Trainable
from posealign_core.errors import BackboneError
from posealign_core.language.texts import load_texts
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_core.backbone import Batch, GenerationOptions, LoadReport
    from posealign_core.structures import EgoPose

__all__ = ["ChatSceneBackbone"]

TINY_WEIGHTS = Path(__file__).parent / "weights" / "tiny.safetensors"
_FEATURES = ("3-D features of objects", "2-D features of objects")
_ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_TRAINED_WHOLE = (
    "network.llama_model.lm_head",
    "network.llama_model.model.embed_tokens",
    "network.object_proj",
    "network.object_img_proj",
)


class ChatSceneBackbone(Backbone):
    """The network, its tokenizer, and the objects that its identifiers mean.

    Args:
        config: Sizes, files and fidelity.

    Raises:
        CheckpointMismatchError: A file that the config names does not fit.
    """

    def __init__(self, config: ChatSceneConfig) -> None:
        super().__init__()
        self.chat_config = config  # transformers writes into a "config"
        self.decoding = config.decoding
        self.tokenizer = load_tokenizer(config.tokenizer, config.network.n_slots)
        self.network = build_network(config, self.tokenizer)
        if config.network.prompt_rows is Fidelity.RELEASED:
            texts = load_texts(TaskTexts(), config.texts, config.text_digests, TEXT_RULES)
            words = self.tokenizer([texts.before, texts.after], add_special_tokens=False)
            ids = [i for piece in words["input_ids"] for i in piece]
            self.network.keep_prompt_rows([int(self.tokenizer.bos_token_id), *ids])
        if config.pretrained:
            self.load_published(TINY_WEIGHTS).require_exact(str(TINY_WEIGHTS))

    def forward(self, batch: Batch) -> StepOutput:
        """Cross-entropy over the answers."""
        loss = self.network.loss(_row(batch), batch["targets"], self._scene(batch))
        missing = torch.tensor(batch["n_missing"], dtype=torch.float32).mean(0)
        logs = {
            "cut_tokens": float(sum(batch["n_cut"])),
            "missing_point_features": float(missing[0]),
            "missing_image_features": float(missing[1]),
        }
        return StepOutput(loss=loss, logs=logs)

    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        """Answer one question per item.

        Raises:
            BackboneError: A question is longer than the language model takes.
        """
        longest, limit = batch["tokens"].shape[1], self.chat_config.llm.max_length
        if longest > limit:
            raise BackboneError(
                f"wanted questions of at most {limit} tokens with their objects, found one of "
                f"{longest}; raise config.llm.max_length"
            )
        objects = self.network.object_tokens(self._scene(batch))
        ids = generate(self.network, _row(batch), objects, options)
        rules = self.chat_config.identifier_rules
        items = zip(
            ids.tolist(),
            batch["order"].tolist(),
            batch["answerable"],
            batch["n_missing"],
            strict=True,
        )
        return [
            replace(
                answer_of(text_of(self.tokenizer, said), order, known, rules),
                missing_inputs=dict(zip(_FEATURES, missing, strict=True)),
            )
            for said, order, known, missing in items
        ]

    def trainable(self) -> Trainable:
        """Adapters on the LLM; embeddings, head and projections whole (3.11)."""
        whole: tuple[str, ...] = _TRAINED_WHOLE
        if self.chat_config.network.channel != "none":
            whole = (*whole, "network.pos_proj")
        return Trainable(lora_targets=_ADAPTED, full_modules=whole)

    def load_published(self, path: Path) -> LoadReport:
        """Load a published checkpoint, or the shipped tiny weights; see `checkpoints.published`."""
        return load_published(self, path)

    def _scene(self, batch: Batch) -> SceneBatch:
        """The objects, with their places and poses as the config wants them."""
        centers, valid, poses = batch["centers"], batch["valid"], batch["pose"]
        beside = self.chat_config.embed == "features"
        if beside and not self.network.network_config.ego_features and any(poses):
            raise BackboneError(
                "embed mode needs a projection with room for the pose; set "
                "backbone.config.network.ego_features to true"
            )
        ego = None
        if self.network.network_config.ego_features:
            ego = self._ego_features(centers, valid, poses if beside else [None] * len(poses))
        return SceneBatch(
            points=batch["points"],
            images=batch["images"],
            centers=centers if beside else self._ego_places(centers, valid, poses),
            valid=valid,
            order=batch["order"],
            ego=ego,
        )

    def _ego_places(
        self, centers: Tensor, valid: Tensor, poses: Sequence[EgoPose | None]
    ) -> Tensor:
        """(B, n, 3) places ahead, left and above of the asker, where an item has a pose."""
        moved = centers.clone()
        for item, pose in enumerate(poses):
            if pose is not None:
                there = valid[item]
                camera = self.embed_pose(centers[item, there], pose)[:, :3]
                moved[item, there] = _forward_left_up(camera)
        return moved

    def _ego_features(
        self, centers: Tensor, valid: Tensor, poses: Sequence[EgoPose | None]
    ) -> Tensor:
        """(B, n, 6) what relates objects to the camera; zeros without a pose or a place."""
        features = centers.new_zeros(*valid.shape, EGO_FEATURES)
        for item, pose in enumerate(poses):
            if pose is not None:
                there = valid[item]
                features[item, there] = self.embed_pose(centers[item, there], pose)
        return features


def _forward_left_up(camera: Tensor) -> Tensor:
    """Turn camera coordinates (n, 3), right-down-forward, into the ego frame (9.4)."""
    return torch.stack([camera[:, 2], -camera[:, 0], -camera[:, 1]], dim=1)


def _row(batch: Batch) -> Row:
    return Row(tokens=batch["tokens"], segments=batch["segments"], positions=batch["positions"])
