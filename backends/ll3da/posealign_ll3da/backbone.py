"""LL3DA as a backbone: losses and answers from encoded batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from posealign_core.align.embed import EGO_FEATURES
from posealign_core.backbone import Backbone, RawAnswer, StepOutput, Trainable
from posealign_core.errors import BackboneError
from posealign_ll3da.answers import answer_of
from posealign_ll3da.build import build_network
from posealign_ll3da.checkpoints.published import load_published
from posealign_ll3da.checkpoints.start import load_bert, load_detector
from posealign_ll3da.dense import Described, describe
from posealign_ll3da.encode.instructions import PLACED
from posealign_ll3da.model.generation import generate
from posealign_ll3da.model.pose_codes import EgoFeatures
from posealign_ll3da.model.prompts import VisualPrompts
from posealign_ll3da.model.tokens import TokenBatch
from posealign_ll3da.rows import rows_of
from posealign_ll3da.scenes import Scenes, clouds_of
from posealign_ll3da.tokenizer import load_tokenizers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_core.backbone import Batch, GenerationOptions, LoadReport
    from posealign_core.structures import EgoPose
    from posealign_ll3da.config import Ll3daConfig
    from posealign_ll3da.model.proposals import Proposals
    from posealign_ll3da.model.scene import SceneFeatures

__all__ = ["Ll3daBackbone"]

TINY_WEIGHTS = Path(__file__).parent / "weights" / "tiny.safetensors"
_CAPTIONER = "network.captioner"
_ADAPTED = ("q_proj", "v_proj")


class Ll3daBackbone(Backbone):
    """The network, and the way from its words to boxes and objects.

    Args:
        config: Sizes, files and fidelity.

    Raises:
        CheckpointMismatchError: A file that the config names does not fit.
        DataError: A file that the config names is missing or damaged.
    """

    def __init__(self, config: Ll3daConfig) -> None:
        super().__init__()
        self.ll3da_config = config  # transformers writes into a "config"
        self.decoding = config.decoding
        self.tokenizers = load_tokenizers(config)
        self.network = build_network(config, self.tokenizers)
        self._scenes = Scenes()
        if config.bert is not None:
            load_bert(self.network, config.bert)
        if config.detector_weights is not None:
            load_detector(self.network, config.detector_weights)
        if config.pretrained:
            self.load_published(TINY_WEIGHTS).require_exact(str(TINY_WEIGHTS))

    def forward(self, batch: Batch) -> StepOutput:
        """Cross-entropy over replies and end marks, weighted by tokens over the whole batch."""
        rows = torch.arange(len(batch["xyz"]), device=batch["xyz"].device)
        clouds = clouds_of(batch, rows)
        if batch["box_valid"].any():
            loss = self.loss(batch, *self.network.detect(clouds))
        else:
            loss = self.loss(batch, self.network.encode(clouds), None)
        return StepOutput(loss=loss, logs={"cut_tokens": float(batch["n_cut"])})

    def loss(self, batch: Batch, scenes: SceneFeatures, proposals: Proposals | None) -> Tensor:
        """The training loss of a batch whose clouds are encoded.

        Args:
            batch: As for `forward`.
            scenes: Tokens of its clouds.
            proposals: What is detected in them; needed where questions have box prompts.
        """
        of_question = batch["cloud_of_question"]
        if proposals is None:
            shape = (*batch["box_valid"].shape, scenes.tokens.shape[-1])
            boxes = scenes.tokens.new_zeros(shape)
        else:
            boxes = rows_of(proposals, of_question).features_of_boxes(batch["box"])
        prompts = VisualPrompts(
            box_features=boxes,
            box_valid=batch["box_valid"],
            clicks=batch["click"],
            click_valid=batch["click_valid"],
        )
        prefix = self._prefix(batch, scenes.of_scenes(of_question), prompts)
        text = TokenBatch(ids=batch["llm_ids"], mask=batch["llm_mask"])
        loss: Tensor = self.network.captioner.loss(prefix, text, batch["answer"])
        return loss

    @torch.no_grad()
    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        """Answer one question per item.

        An answer that states places gets room for them, and no penalty on repetition.
        """
        described = self._described(batch)
        n = len(described)
        prefix = self._prefix(
            batch, self._scenes.encoded(self.network, batch), self._prompts(batch, described)
        )
        places = replace(
            options,
            max_new_tokens=max(options.max_new_tokens, self.ll3da_config.location_tokens),
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
        parts = [name for name, _ in self.network.captioner.named_children()]
        whole = ["qformer"] if self.ll3da_config.trained == "qformer_only" else parts
        return Trainable(
            lora_targets=_ADAPTED if self.ll3da_config.lora else (),
            full_modules=tuple(f"{_CAPTIONER}.{name}" for name in whole if name != "transformer"),
        )

    def load_published(self, path: Path) -> LoadReport:
        """Load a published checkpoint, or one with a language model; see `checkpoints.published`.

        Raises:
            CheckpointMismatchError: The file holds a detector alone.
        """
        return load_published(self.network, path)

    def _written(
        self, batch: Batch, prefix: Tensor, rows: list[int], options: GenerationOptions
    ) -> list[str]:
        """Texts for some questions."""
        if not rows:
            return []
        instruction = TokenBatch(ids=batch["llm_ids"][rows], mask=batch["llm_mask"][rows])
        ids = generate(self.network.captioner, prefix[rows], instruction, options)
        texts = self.tokenizers.llm.batch_decode(ids, skip_special_tokens=True)
        return [text.strip() for text in texts]

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

    def _prompts(self, batch: Batch, described: Sequence[Described | None]) -> VisualPrompts:
        """The given and the detected prompts of all questions, one box and one click each."""
        n, device = len(described), batch["xyz"].device
        width = self.ll3da_config.captioner.token_width
        boxes, clicks = torch.zeros(n, 1, width, device=device), torch.zeros(n, 1, 3, device=device)
        box_valid, click_valid = (torch.zeros(n, 1, dtype=torch.bool, device=device) for _ in "bc")
        if batch["click_valid"].any():
            clicks, click_valid = batch["click"].clone(), batch["click_valid"].clone()
        given = batch["box_valid"].any(dim=1).nonzero()[:, 0]
        if len(given):
            clouds = batch["cloud_of_question"][given]
            proposals = self._scenes.detected(self.network, batch, clouds).proposals
            boxes[given] = proposals.features_of_boxes(batch["box"][given])
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
        prefix: Tensor = self.network.captioner.prefix(scenes, instruction, prompts, ego)
        return prefix

    def _ego(
        self, poses: Sequence[EgoPose | None], scenes: SceneFeatures, prompts: VisualPrompts
    ) -> EgoFeatures | None:
        """Pose features of tokens and clicks; zeros for a question without a pose."""
        if not self.network.captioner.n_ego_features:
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
