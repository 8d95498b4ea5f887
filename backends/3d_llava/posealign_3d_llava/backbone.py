"""3D-LLaVA as a backbone: losses and answers from encoded batches."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from posealign_3d_llava.build import build_network
from posealign_3d_llava.checkpoints.published import load_published
from posealign_3d_llava.checkpoints.start import load_base, load_stage1
from posealign_3d_llava.generation import generate
from posealign_3d_llava.model.llava import LlavaBatch
from posealign_3d_llava.model.special_tokens import add_seg_token
from posealign_3d_llava.model.splicing import TextBatch
from posealign_3d_llava.scene_cache import SceneCache
from posealign_3d_llava.tokenizer import load_tokenizer
from posealign_core.align.embed import EGO_FEATURES
from posealign_core.backbone import Backbone, RawAnswer, StepOutput, Trainable
from posealign_core.errors import BackboneError
from posealign_core.geometry import RigidTransform
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_3d_llava.config import LlavaConfig
    from posealign_3d_llava.encode.choices import Choices
    from posealign_3d_llava.generation import Generated
    from posealign_3d_llava.model.llava import EgoFeatures, LlavaLlamaForCausalLM, LlavaLoss
    from posealign_3d_llava.model.segmentor import SceneFeatures
    from posealign_core.backbone import Batch, GenerationOptions, LoadReport
    from posealign_core.structures import EgoPose

__all__ = ["LlavaBackbone"]

TINY_WEIGHTS = Path(__file__).parent / "weights" / "tiny.safetensors"
_ADAPTED = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
_TOWER = "lm.model.pointcloud_tower"
_TRAINED_WHOLE = (
    "lm.lm_head",
    "lm.model.embed_tokens",
    "lm.model.mm_projector",
    f"{_TOWER}.segmentor.alignment_proj",
    f"{_TOWER}.alignment_proj",
    f"{_TOWER}.hidden_seg_fc",
)


class LlavaBackbone(Backbone):
    """The network, its tokenizer, and the masks that its [SEG] tokens mean.

    Args:
        config: Sizes, files and fidelity.

    Raises:
        CheckpointMismatchError: A file that the config names does not fit.
    """

    def __init__(self, config: LlavaConfig) -> None:
        super().__init__()
        self.llava_config = config  # transformers writes into a "config"
        self.decoding = config.decoding
        self.tokenizer = load_tokenizer(config.tokenizer)
        self.lm = build_network(config, self.tokenizer, add_seg_token(self.tokenizer))
        self._scenes = SceneCache()
        if config.base is not None:
            load_base(self.lm, config.base)
        if config.tower_weights is not None:
            load_stage1(self.lm.tower, config.tower_weights)
        if config.pretrained:
            self.load_published(TINY_WEIGHTS).require_exact(str(TINY_WEIGHTS))

    def forward(self, batch: Batch) -> StepOutput:
        """Cross-entropy over the answers, plus the mask losses of referring ones."""
        loss = self.loss(batch)
        logs = {
            "language_loss": float(loss.language.detach()),
            "segmentation_loss": float(loss.segmentation.detach()),
            "cut_tokens": float(loss.n_cut),
        }
        return StepOutput(loss=loss.total, logs=logs)

    def loss(self, batch: Batch, features: SceneFeatures | None = None) -> LlavaLoss:
        """The two terms of the training loss.

        Args:
            batch: As for `forward`.
            features: Its scenes, where they have been encoded already.
        """
        if features is None and "cloud" not in batch:
            features = self._encoded(batch)
        llava_batch = LlavaBatch(
            text=_text(batch),
            cloud=batch.get("cloud"),
            prompt_masks=batch["prompt_masks"],
            scene_of_prompt=batch["item_of_prompt"],
            targets=batch["targets"],
            scene_of_target=batch["item_of_target"],
        )
        return self.lm.training_loss(llava_batch, self._ego(batch["poses"]), features)

    def generate(self, batch: Batch, options: GenerationOptions) -> list[RawAnswer]:
        """Answer one question per item.

        Raises:
            BackboneError: A question is longer than the language model takes.
        """
        features = self._encoded(batch)
        spliced = self.lm.splice(
            _text(batch),
            features,
            batch["prompt_masks"],
            batch["item_of_prompt"],
            self._ego(batch["poses"]),
            padding_side="left",
        )
        if spliced.n_cut.any():
            raise BackboneError(
                f"wanted questions of at most {self.lm.max_length} tokens with their scenes, found "
                f"one that is {int(spliced.n_cut.max())} longer; raise config.llm.max_length"
            )
        generated = generate(self.lm, spliced, options, self.engine)
        texts = self.tokenizer.batch_decode(generated.ids, skip_special_tokens=True)
        masks = self._masks(features, generated, len(texts))
        return [
            self._answer(text.strip(), own, batch, item)
            for item, (text, own) in enumerate(zip(texts, masks, strict=True))
        ]

    @property
    def language_model(self) -> LlavaLlamaForCausalLM:
        """A LLaMA with more parts, which an engine needs not know of."""
        return self.lm

    def trainable(self) -> Trainable:
        """Adapters on the LLM; embeddings, head and three projections whole (6.1, 6.2)."""
        return Trainable(lora_targets=_ADAPTED, full_modules=_TRAINED_WHOLE)

    def load_published(self, path: Path) -> LoadReport:
        """Load weights in any published layout; see `checkpoints.published`."""
        with_tower = self.llava_config.merged_tower == "checkpoint"
        return load_published(self.lm, path, with_tower=with_tower)

    def _encoded(self, batch: Batch) -> SceneFeatures:
        """The scenes of a batch whose clouds stand alone; what encodes them is always frozen."""
        # Not in inference mode, for training may use what an evaluation has encoded.
        with torch.inference_mode(False), torch.no_grad():
            clouds, digests = batch["clouds"], batch["cloud_digests"]
            distinct = self._scenes.features(self.lm.tower, clouds, digests)
        return distinct.of_scenes(batch["cloud_of_item"])

    def _ego(self, poses: Sequence[EgoPose | None]) -> EgoFeatures | None:
        """Pose features of tokens; zeros for an item without a pose."""
        if not self.llava_config.ego_features:
            if any(pose is not None for pose in poses):
                raise BackboneError(
                    "embed mode needs a projector with room for the pose; set "
                    "backbone.config.ego_features to true"
                )
            return None
        released = self.lm.tower.config.fidelity.token_coords is Fidelity.RELEASED

        def features(item: int, coords: Tensor) -> Tensor:
            pose = poses[item]
            if pose is None:
                return coords.new_zeros(len(coords), EGO_FEATURES)
            return self.embed_pose(coords, _rounded(pose, coords.dtype) if released else pose)

        return features

    def _masks(self, features: SceneFeatures, generated: Generated, n: int) -> list[Tensor]:
        """Mask probabilities (S, Q) of each item, on the CPU."""
        logits: list[Tensor] = [torch.zeros(0, features.class_logits.shape[1])] * n
        if len(generated.item_of_seg) == 0:
            return logits
        tower = self.lm.tower
        queries = tower.hidden_seg_fc(generated.seg_states.to(tower.dtype))
        segmented = tower.segment(features, queries, generated.item_of_seg)
        probabilities = segmented.levels[-1].float().sigmoid().cpu()
        for row, item in enumerate(segmented.scenes.tolist()):
            logits[item] = probabilities[row, segmented.query_valid[row].cpu()]
        return logits

    def _answer(self, text: str, soft: Tensor, batch: Batch, item: int) -> RawAnswer:
        """Spread masks over points; a question with candidates gets one of them."""
        cloud = batch["clouds"][int(batch["cloud_of_item"][item])]
        masks = (soft > 0.5)[:, cloud.superpoint_ids.cpu()].numpy()
        choices: Choices | None = batch["choices"][item]
        if choices is None:
            return RawAnswer(text=text, masks=masks)
        wanted = soft[:1, : choices.overlap.shape[1]]
        chosen = [type(choices)(*(part.cpu() for part in choices)).best(mask) for mask in wanted]
        return RawAnswer(
            text=text, masks=masks, object_ids=tuple(c for c in chosen if c is not None)
        )


def _text(batch: Batch) -> TextBatch:
    return TextBatch(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        labels=batch.get("labels"),
        segments=batch["segments"],
    )


def _rounded(pose: EgoPose, dtype: torch.dtype) -> EgoPose:
    """The pose in the precision of the network, as the release has it (Q9)."""
    rounded = torch.from_numpy(pose.reference_from_camera.matrix.copy()).to(dtype).double().numpy()
    transform = pose.reference_from_camera
    return replace(
        pose,
        reference_from_camera=RigidTransform(rounded, transform.target, transform.source),
    )
