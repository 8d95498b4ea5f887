"""The CPU side: aligned samples to conversations about voxelised clouds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from posealign_3d_llava.encode.choices import choices_of
from posealign_3d_llava.encode.clouds import Clouds
from posealign_3d_llava.encode.collate import collate
from posealign_3d_llava.encode.dialogue import Dialogue
from posealign_3d_llava.model.conversation import encode_conversation, pack
from posealign_3d_llava.model.prompt_mask import prompt_mask
from posealign_3d_llava.texts import TEXT_RULES, TaskTexts
from posealign_3d_llava.tokenizer import load_tokenizer
from posealign_core.align.stated_pose import stated_pose
from posealign_core.backbone import Batch, Features, SampleEncoder
from posealign_core.errors import BackboneError, DataError
from posealign_core.language.texts import load_texts
from posealign_core.nn.segments import segment_mean
from posealign_core.structures.regions import points_of_objects, points_of_region
from posealign_core.vocabulary import AlignMode, TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from posealign_3d_llava.config import LlavaConfig
    from posealign_3d_llava.encode.clouds import PlacedCloud
    from posealign_core.structures import AlignedSample

__all__ = ["LlavaEncoder"]

TARGET_COVERAGE = 0.5
"""Share of a superpoint's points that make it part of a target, exclusive (step T)."""
_REFERRING = (TaskKind.GROUND, TaskKind.SELECT)


class LlavaEncoder(SampleEncoder):
    """Writes a conversation about each question, and the cloud that they are about.

    Args:
        config: Of the backbone.
    """

    def __init__(self, config: LlavaConfig) -> None:
        self._tokenizer = load_tokenizer(config.tokenizer)
        texts = load_texts(TaskTexts(), config.texts, config.text_digests, TEXT_RULES)
        self._dialogue = Dialogue(texts, config.leading_space)
        self._clouds = Clouds(config.voxel_size_m)
        self._empty_prompt = config.tower.fidelity.empty_prompt
        self._augment = config.augment

    def encode(
        self, samples: Sequence[AlignedSample], *, train: bool, rng: np.random.Generator
    ) -> Features:
        """Encode questions about one scene from one pose; see the base class.

        Raises:
            BackboneError: A question has no answer to learn from, or nothing to describe.
            DataError: The scene has no points, or what is to be described or found has none.
        """
        placed = self.place(samples, train=train, rng=rng)
        return self.describe(samples, placed, train=train, rng=rng)

    def place(
        self, samples: Sequence[AlignedSample], *, train: bool, rng: np.random.Generator
    ) -> PlacedCloud:
        """The cloud that questions about one scene are encoded with; arguments as for `encode`."""
        if not (train and self._augment):
            return self._clouds.plain(samples[0])
        meant = np.logical_or.reduce([_meant(sample, train=True) for sample in samples])
        return self._clouds.make(samples[0], meant, train=True, rng=rng)

    def describe(
        self,
        samples: Sequence[AlignedSample],
        placed: PlacedCloud,
        *,
        train: bool,
        rng: np.random.Generator,
    ) -> Features:
        """Everything about questions once their cloud is placed; arguments as for `encode`."""
        first = samples[0]
        masks = [_meant(sample, train=train) for sample in samples]
        pose = stated_pose(first, placed.input_from_camera)
        turns = self._dialogue.turns(samples, pose, train=train, rng=rng)
        system = self._dialogue.system
        words = pack([encode_conversation(self._tokenizer, [t], system=system) for t in turns])
        pairs = list(zip(samples, masks, strict=True))
        features = {
            "input_ids": torch.tensor(words.input_ids),
            "segments": torch.tensor(words.segments),
            "cloud": placed.cloud,
            "prompt_masks": [
                self._prompt(mask, placed)
                for sample, mask in pairs
                if sample.query.kind is TaskKind.CAPTION
            ],
            "pose": pose if AlignMode.EMBED in first.settings.modes else None,
        }
        if not train:
            select = first.query.kind is TaskKind.SELECT
            ids = placed.cloud.superpoint_ids
            choices = choices_of(first.query, first.scene, ids) if select else None
            return {**features, "choices": choices}
        targets = [
            _target(sample, mask, placed)
            for sample, mask in pairs
            if sample.query.kind in _REFERRING and sample.query.target_ids
        ]
        return {**features, "labels": torch.tensor(words.labels), "targets": targets}

    def collate(self, items: Sequence[Features]) -> Batch:
        """Pad conversations, masks and targets; clouds that are one object are encoded once."""
        joint = self._augment and "labels" in items[0]
        return collate(items, pad_id=int(self._tokenizer.pad_token_id), joint=joint)

    def _prompt(self, mask: NDArray[np.bool_], placed: PlacedCloud) -> torch.Tensor:
        inside = torch.from_numpy(mask[placed.rows])
        return prompt_mask(inside, placed.cloud.superpoint_ids, self._empty_prompt)


def _meant(sample: AlignedSample, *, train: bool) -> NDArray[np.bool_]:
    """(N,) the points to describe, or, in training, the points that the answer is about."""
    if sample.query.kind is not TaskKind.CAPTION:
        return points_of_objects(sample.scene, sample.query.target_ids if train else ())
    if sample.region is None:
        raise BackboneError(
            f"query {sample.query.query_id!r}: wanted a region to describe, found none"
        )
    return points_of_region(sample.scene, sample.region)


def _target(sample: AlignedSample, mask: NDArray[np.bool_], placed: PlacedCloud) -> torch.Tensor:
    """(Q,) bool superpoints that lie for the greater part in a target."""
    if not mask.any():
        raise DataError(
            f"query {sample.query.query_id!r}: wanted objects {list(sample.query.target_ids)} in "
            f"scene {sample.scene.scene_id!r}, found no point of them; leave it out of the "
            "training set"
        )
    ids = placed.cloud.superpoint_ids
    inside = torch.from_numpy(mask[placed.rows]).float()[:, None]
    return segment_mean(inside, ids, int(ids.max()) + 1)[:, 0] > TARGET_COVERAGE
