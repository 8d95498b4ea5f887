"""The language model with its eyes: training loss of 3D-LLaVA (specification section 4.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from transformers import LlamaForCausalLM

from posealign_3d_llava.model.projector import Projector
from posealign_3d_llava.model.segmentation_loss import segmentation_loss
from posealign_3d_llava.model.splicing import Insertions, SplicedBatch, TextBatch, splice
from posealign_3d_llava.model.tower import PointCloudTower
from posealign_core.errors import ConfigError, ShapeError
from posealign_core.language.packing import next_token_loss, positions_of, visible

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LlamaConfig

    from posealign_3d_llava.model.cloud import PointCloudBatch
    from posealign_3d_llava.model.config import TowerConfig
    from posealign_3d_llava.model.segmentor import SceneFeatures

__all__ = [
    "EgoFeatures",
    "LlavaBatch",
    "LlavaLlamaForCausalLM",
    "LlavaLoss",
    "targets_of_queries",
]

EgoFeatures = Callable[[int, "Tensor"], "Tensor"]
"""From an item of the batch and its token coordinates (K, 3) to pose features (K, F)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LlavaBatch:
    """B sequences about B scenes.

    Attributes:
        text: The sequences.
        cloud: The scenes; sequence i is about scene i. None where they have been encoded already.
        prompt_masks: (P, Q) bool superpoints of the marked regions, in the order of `<loc>`.
        scene_of_prompt: (P,) int64, ascending.
        targets: (T, Q) bool superpoints that a [SEG] means, or None.
        scene_of_target: (T,) int64, ascending; several where a sequence holds several questions,
            in the order of their [SEG]. None: target i is that of sequence i.
    """

    text: TextBatch
    cloud: PointCloudBatch | None
    prompt_masks: Tensor
    scene_of_prompt: Tensor
    targets: Tensor | None = None
    scene_of_target: Tensor | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class LlavaLoss:
    """The two terms, which are added as they are.

    Attributes:
        language: Mean cross-entropy over the supervised tokens of the batch.
        segmentation: See `segmentation_loss`; zero where no answer has a [SEG].
        n_cut: Positions of the batch that did not fit into the maximum length.
    """

    language: Tensor
    segmentation: Tensor
    n_cut: Tensor

    @property
    def total(self) -> Tensor:
        """What is minimised."""
        return self.language + self.segmentation


class LlavaLlamaForCausalLM(LlamaForCausalLM):  # type: ignore[no-untyped-call]
    """LLaMA with `model.mm_projector` and `model.pointcloud_tower` (section 4.1).

    Args:
        config: The language model's.
        tower: The tower's.
        seg_token_id: Id of [SEG].
        n_ego_features: Pose features per token, 0 or 6: what embed mode adds to the projector.
        max_length: Longest spliced sequence.
    """

    def __init__(
        self,
        config: LlamaConfig,
        tower: TowerConfig,
        *,
        seg_token_id: int,
        n_ego_features: int = 0,
        max_length: int = 4096,
    ) -> None:
        super().__init__(config)
        if tower.llm_width != config.hidden_size:
            raise ConfigError(
                [f"tower.llm_width is {tower.llm_width}, the LLM's width {config.hidden_size}"]
            )
        self.seg_token_id = seg_token_id
        self.n_ego_features = n_ego_features
        self.max_length = max_length
        self.model.mm_projector = Projector(tower.token_width + n_ego_features, config.hidden_size)
        self.model.pointcloud_tower = PointCloudTower(tower)

    @property
    def tower(self) -> PointCloudTower:
        """The point-cloud tower."""
        tower: PointCloudTower = self.model.pointcloud_tower
        return tower

    def training_loss(
        self,
        batch: LlavaBatch,
        ego: EgoFeatures | None = None,
        features: SceneFeatures | None = None,
    ) -> LlavaLoss:
        """Compute the loss of a batch with labels.

        Args:
            batch: What is read and what is to be said.
            ego: Pose features of scene tokens; needed exactly when the projector has room for them.
            features: The batch's scenes, where they have been encoded already.

        Raises:
            ShapeError: The scenes come neither as points nor encoded.
        """
        if features is None:
            if batch.cloud is None:
                raise ShapeError("training: wanted a batch with clouds or encoded scenes")
            features = self.tower.encode(batch.cloud)
        spliced = self.splice(batch.text, features, batch.prompt_masks, batch.scene_of_prompt, ego)
        mask, positions = spliced.attention_mask.long(), None
        if spliced.segments is not None:
            mask, positions = visible(spliced.segments), positions_of(spliced.segments)
        states = self.model(
            inputs_embeds=spliced.embeds,
            attention_mask=mask,
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state
        return LlavaLoss(
            language=self._language_loss(states, spliced.labels),
            segmentation=self._segmentation_loss(features, states, spliced, batch),
            n_cut=spliced.n_cut.sum(),
        )

    def splice(
        self,
        text: TextBatch,
        features: SceneFeatures,
        prompt_masks: Tensor,
        scene_of_prompt: Tensor,
        ego: EgoFeatures | None = None,
        *,
        padding_side: Literal["left", "right"] = "right",
    ) -> SplicedBatch:
        """Embed a batch for the language model.

        Args:
            text: The sequences.
            features: The encoded scenes; sequence i is about scene i.
            prompt_masks: As in `LlavaBatch`, likewise `scene_of_prompt`.
            scene_of_prompt: Owner of each prompt.
            ego: As in `training_loss`.
            padding_side: Left for generation.
        """
        scene = self.tower.scene_tokens(features)
        prompts = self.tower.prompt_tokens(features, prompt_masks, scene_of_prompt)
        insertions = Insertions(
            scene=self._project(scene.tokens, self._scene_ego_features(scene.coords, ego)),
            scene_valid=scene.valid,
            prompts=self._project(prompts, prompts.new_zeros(len(prompts), self.n_ego_features)),
            scene_of_prompt=scene_of_prompt,
        )
        return splice(
            text,
            insertions,
            self.get_input_embeddings(),
            seg_token_id=self.seg_token_id,
            max_length=self.max_length,
            padding_side=padding_side,
        )

    def _project(self, tokens: Tensor, ego: Tensor) -> Tensor:
        projected: Tensor = self.model.mm_projector(torch.cat([tokens, ego.to(tokens.dtype)], -1))
        return projected

    def _scene_ego_features(self, coords: Tensor, ego: EgoFeatures | None) -> Tensor:
        """Pose features (B, K, F) of token coordinates (B, K, 3)."""
        if (ego is None) != (self.n_ego_features == 0):
            raise ShapeError(
                f"embed mode: the projector has room for {self.n_ego_features} pose features, "
                f"and {'no' if ego is None else 'a'} pose was given"
            )
        if ego is None:
            return coords[..., :0]
        return torch.stack([ego(item, xyz) for item, xyz in enumerate(coords)])

    def _language_loss(self, states: Tensor, labels: Tensor | None) -> Tensor:
        """Next-token cross-entropy; logits exist only where a label does."""
        if labels is None:
            raise ShapeError("training: wanted a batch with labels, found none")
        return next_token_loss(self.lm_head, states, labels)

    def _segmentation_loss(
        self, features: SceneFeatures, states: Tensor, spliced: SplicedBatch, batch: LlavaBatch
    ) -> Tensor:
        scene_of_query = spliced.predicts_seg.nonzero()[:, 0]
        seg_states = states[spliced.predicts_seg].to(self.tower.dtype)
        queries: Tensor = self.tower.hidden_seg_fc(seg_states)
        if len(queries) == 0:
            return queries.float().sum() * 0.0  # a graph with zero gradients, for every process
        if batch.targets is None:
            raise ShapeError("training: an answer has [SEG], and the batch has no target masks")
        scenes = batch.scene_of_target
        scenes = torch.arange(len(states), device=states.device) if scenes is None else scenes
        segmented = self.tower.segment(
            features.of_scenes(scenes), queries, targets_of_queries(scene_of_query, scenes)
        )
        dice_weight = self.tower.config.fidelity.dice_weight
        return segmentation_loss(segmented, batch.targets[segmented.scenes], dice_weight)


def targets_of_queries(scene_of_query: Tensor, scene_of_target: Tensor) -> Tensor:
    """Which target each [SEG] is after: the k-th of a sequence, or the last where it has fewer.

    Args:
        scene_of_query: (S,) int64, ascending.
        scene_of_target: (T,) int64, ascending.

    Returns:
        (S,) int64, ascending.

    Raises:
        ShapeError: A sequence has a [SEG] and no target.
    """
    n_scenes = int(scene_of_query.max()) + 1
    counts = scene_of_target.bincount(minlength=n_scenes)
    if (counts[scene_of_query] == 0).any():
        raise ShapeError("training: an answer has [SEG], and its sequence has no target mask")
    first_target = counts.cumsum(0) - counts
    n_queries = scene_of_query.bincount()
    first_query = n_queries.cumsum(0) - n_queries
    rank = torch.arange(len(scene_of_query), device=counts.device) - first_query[scene_of_query]
    return first_target[scene_of_query] + torch.minimum(rank, counts[scene_of_query] - 1)
