"""Losses and answers of a captioner, whatever network reads the scan."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import torch

from posealign_core.align.embed import EGO_FEATURES
from posealign_core.backbone import Backbone, RawAnswer, StepOutput, Trainable
from posealign_core.errors import BackboneError
from posealign_ll3da.answers import answer_of
from posealign_ll3da.checkpoints.start import load_bert
from posealign_ll3da.encode.instructions import PLACED
from posealign_ll3da.model.generation import generate
from posealign_ll3da.model.pose_codes import EgoFeatures
from posealign_ll3da.model.prompts import VisualPrompts
from posealign_ll3da.model.tokens import TokenBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from posealign_core.backbone import Batch, GenerationOptions
    from posealign_core.structures import EgoPose
    from posealign_ll3da.config import LanguageConfig
    from posealign_ll3da.dense import Described
    from posealign_ll3da.model.captioner import Captioner
    from posealign_ll3da.model.scene import SceneFeatures
    from posealign_ll3da.tokenizer import Tokenizers

__all__ = ["CaptionerBackbone"]

_CAPTIONER = "network.captioner"
_ADAPTED = ("q_proj", "v_proj")


class CaptionerBackbone(Backbone):
    """Q-Former and language model over scene tokens, and the way from words to boxes and objects.

    A subclass says how a batch's clouds become tokens, and what box prompts are.

    Args:
        config: Sizes, files and fidelity of the language side.
        tokenizers: Its tokenizers.
        network: What reads scans, with the captioner as its child `captioner`.

    Raises:
        CheckpointMismatchError: BERT's weights do not fit.
        DataError: They are missing or damaged.
    """

    def __init__(self, config: LanguageConfig, tokenizers: Tokenizers, network: nn.Module) -> None:
        super().__init__()
        self.language_config = config  # transformers writes into a "config"
        self.decoding = config.decoding
        self.tokenizers = tokenizers
        self.network = network
        if config.bert is not None:
            load_bert(self.captioner, config.bert)

    @property
    def captioner(self) -> Captioner:
        """The captioner of the network."""
        return cast("Captioner", self.network.captioner)

    def forward(self, batch: Batch) -> StepOutput:
        """Cross-entropy over replies and end marks, weighted by tokens over the whole batch."""
        prefix, text = self.read(batch, *self.scenes_and_boxes(batch))
        loss = self.captioner.loss(prefix, text, batch["answer"])
        return StepOutput(loss=loss, logs={"cut_tokens": float(batch["n_cut"])})

    @abstractmethod
    def scenes_and_boxes(self, batch: Batch) -> tuple[SceneFeatures, Tensor]:
        """Tokens of all clouds of a training batch, and what its box prompts mean.

        Args:
            batch: As for `forward`.

        Returns:
            One row of tokens per cloud; (Q, n, C) features of the boxes `batch["box"]`.
        """

    @abstractmethod
    def encoded(self, batch: Batch) -> SceneFeatures:
        """Tokens of the cloud of every question (Q rows), each cloud encoded only once."""

    @abstractmethod
    def box_features(self, batch: Batch, questions: Tensor) -> Tensor:
        """Features (R, n, C) of the box prompts of questions (R,), as for `scenes_and_boxes`."""

    def read(self, batch: Batch, scenes: SceneFeatures, boxes: Tensor) -> tuple[Tensor, TokenBatch]:
        """What the language model reads of a batch whose clouds are encoded.

        Args:
            batch: As for `forward`.
            scenes: Tokens of its clouds.
            boxes: (Q, n, C) features of what its box prompts mean.

        Returns:
            The prefix (Q, latents, D) of each question, and its words.
        """
        prompts = VisualPrompts(
            box_features=boxes,
            box_valid=batch["box_valid"],
            clicks=batch["click"],
            click_valid=batch["click_valid"],
        )
        prefix = self._prefix(batch, scenes.of_scenes(batch["cloud_of_question"]), prompts)
        return prefix, TokenBatch(ids=batch["llm_ids"], mask=batch["llm_mask"])

    @torch.no_grad()
    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        """Answer one question per item.

        An answer that states places gets room for them, and no penalty on repetition.
        """
        described = self._described(batch)
        n = len(described)
        prefix = self._prefix(batch, self.encoded(batch), self._prompts(batch, described))
        places = replace(
            options,
            max_new_tokens=max(options.max_new_tokens, self.language_config.location_tokens),
            no_repeat_ngram_size=0,
            repetition_penalty=1.0,
        )
        texts = [""] * n
        for how, is_placed in ((options, False), (places, True)):
            rows = [
                q
                for q, found in enumerate(described)
                if (batch["kind"][q] in PLACED) is is_placed and (found is None or found.is_found)
            ]
            for row, text in zip(rows, self._written(batch, prefix, rows, how), strict=True):
                texts[row] = text
        boxes = [None if found is None else found.corners for found in described]
        return [answer_of(batch, q, texts[q], boxes[q]) for q in range(n)]

    def trainable(self) -> Trainable:
        """Q-Former, queries, prompt encoder and projections; adapters on the LLM if wanted."""
        parts = [name for name, _ in self.captioner.named_children()]
        whole = ["qformer"] if self.language_config.trained == "qformer_only" else parts
        return Trainable(
            lora_targets=_ADAPTED if self.language_config.lora else (),
            full_modules=tuple(f"{_CAPTIONER}.{name}" for name in whole if name != "transformer"),
        )

    def _written(
        self, batch: Batch, prefix: Tensor, rows: list[int], options: GenerationOptions
    ) -> list[str]:
        """Texts for some questions."""
        if not rows:
            return []
        instruction = TokenBatch(ids=batch["llm_ids"][rows], mask=batch["llm_mask"][rows])
        ids = generate(self.captioner, prefix[rows], instruction, options)
        texts = self.tokenizers.llm.batch_decode(ids, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _described(self, batch: Batch) -> list[Described | None]:
        """Which found objects captions are about; None where the question itself says it."""
        return [None] * len(batch["kind"])

    def _prompts(self, batch: Batch, described: Sequence[Described | None]) -> VisualPrompts:
        """The given and the detected prompts of all questions, one box and one click each."""
        n, device = len(described), batch["xyz"].device
        width = self.language_config.captioner.token_width
        boxes, clicks = torch.zeros(n, 1, width, device=device), torch.zeros(n, 1, 3, device=device)
        box_valid, click_valid = (torch.zeros(n, 1, dtype=torch.bool, device=device) for _ in "bc")
        if batch["click_valid"].any():
            clicks, click_valid = batch["click"].clone(), batch["click_valid"].clone()
        given = batch["box_valid"].any(dim=1).nonzero()[:, 0]
        if len(given):
            boxes[given] = self.box_features(batch, given)
            box_valid[given] = True
        for q, found in enumerate(described):
            if found is not None and found.feature is not None:
                boxes[q, 0], box_valid[q, 0] = found.feature, True
            if found is not None and found.click is not None:
                clicks[q, 0], click_valid[q, 0] = found.click.to(device), True
        if not box_valid.any():
            boxes, box_valid = boxes[:, :0], box_valid[:, :0]
        if not click_valid.any():
            clicks, click_valid = clicks[:, :0], click_valid[:, :0]
        return VisualPrompts(
            box_features=boxes, box_valid=box_valid, clicks=clicks, click_valid=click_valid
        )

    def _prefix(self, batch: Batch, scenes: SceneFeatures, prompts: VisualPrompts) -> Tensor:
        instruction = TokenBatch(ids=batch["qformer_ids"], mask=batch["qformer_mask"])
        ego = self._ego(batch["poses"], scenes, prompts)
        prefix: Tensor = self.captioner.prefix(scenes, instruction, prompts, ego)
        return prefix

    def _ego(
        self, poses: Sequence[EgoPose | None], scenes: SceneFeatures, prompts: VisualPrompts
    ) -> EgoFeatures | None:
        """Pose features of tokens and clicks; zeros for a question without a pose."""
        if not self.captioner.n_ego_features:
            if any(pose is not None for pose in poses):
                raise BackboneError(
                    "embed mode needs a captioner with room for the pose; set "
                    "backbone.config.captioner.n_ego_features to 6"
                )
            return None
        tokens = scenes.xyz.new_zeros(*scenes.xyz.shape[:2], EGO_FEATURES)
        clicks = scenes.xyz.new_zeros(*prompts.clicks.shape[:2], EGO_FEATURES)
        for q, pose in enumerate(poses):
            if pose is not None:
                tokens[q] = self.embed_pose(scenes.xyz[q], pose)
                valid = prompts.click_valid[q]
                if valid.any():
                    clicks[q, valid] = self.embed_pose(prompts.clicks[q, valid], pose)
        return EgoFeatures(tokens=tokens, clicks=clicks)
