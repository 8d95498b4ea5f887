"""The CPU side: aligned samples to clouds, visual prompts and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from posealign_core.align.stated_pose import stated_pose
from posealign_core.backbone import Batch, Features, SampleEncoder
from posealign_core.language.texts import load_texts
from posealign_core.vocabulary import AlignMode, TaskKind
from posealign_ll3da.encode.boxes import BoxGrid, box_rule, object_boxes
from posealign_ll3da.encode.choices import choices_of
from posealign_ll3da.encode.clouds import Clouds
from posealign_ll3da.encode.collate import collate
from posealign_ll3da.encode.detected import sought_object
from posealign_ll3da.encode.instructions import PLACED, Instructions
from posealign_ll3da.encode.placement import on_walls
from posealign_ll3da.encode.visual_prompts import VisualPrompt, drawn_prompt, given_prompt
from posealign_ll3da.encode.words import Words
from posealign_ll3da.texts import TEXT_RULES, TaskTexts
from posealign_ll3da.tokenizer import load_tokenizers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.structures import AlignedSample, EgoPose
    from posealign_ll3da.config import Ll3daConfig
    from posealign_ll3da.encode.clouds import PlacedCloud
    from posealign_ll3da.encode.detected import Sought

__all__ = ["Ll3daEncoder"]


class Ll3daEncoder(SampleEncoder):
    """Samples a cloud, and puts each question about it into words for both tokenizers.

    Args:
        config: Of the backbone.

    Raises:
        ConfigError: Texts or tokenizers do not fit together.
        DataError: A file that the config names is missing or damaged.
    """

    def __init__(self, config: Ll3daConfig) -> None:
        self._config = config
        self._tokenizers = load_tokenizers(config)
        self._words = Words(self._tokenizers, config.max_text)
        texts = load_texts(TaskTexts(), config.texts, config.text_digests, TEXT_RULES)
        self._instructions = Instructions(texts)
        self._clouds = Clouds(config.cloud)

    def encode(
        self, samples: Sequence[AlignedSample], *, train: bool, rng: np.random.Generator
    ) -> Features:
        """Encode questions about one scene from one pose; see the base class.

        Raises:
            BackboneError: A question has no answer to learn from, nothing to describe or to
                locate, or is too long.
            DataError: The scene has no points, or some that are not finite.
        """
        cloud = self.place(samples[0], train=train, rng=rng)
        return self.describe(samples, cloud, train=train, rng=rng)

    def place(self, sample: AlignedSample, *, train: bool, rng: np.random.Generator) -> PlacedCloud:
        """The cloud that questions about one scene are encoded with; arguments as for `encode`."""
        if train:
            return self._clouds.training(sample, rng)
        return self._clouds.plain(sample, rng)

    def describe(
        self,
        samples: Sequence[AlignedSample],
        cloud: PlacedCloud,
        *,
        train: bool,
        rng: np.random.Generator,
    ) -> Features:
        """Everything about questions once their cloud is placed; arguments as for `encode`."""
        first = samples[0]
        camera = None
        if first.pose is not None:
            camera = cloud.placement.camera(first.pose.reference_from_camera.matrix)
        pose = stated_pose(first, camera)
        if train:
            questions = [self._taught(sample, cloud, pose, rng) for sample in samples]
        else:
            questions = [self._asked(sample, cloud, pose, rng) for sample in samples]
        return {
            "xyz": cloud.xyz,
            "channels": cloud.channels,
            "pose": pose if AlignMode.EMBED in first.settings.modes else None,
            "questions": questions,
        }

    def collate(self, items: Sequence[Features]) -> Batch:
        """Stack clouds, pad words; clouds that are one object are encoded once."""
        llm, qformer = self._tokenizers
        return collate(
            items, llm_pad_id=int(llm.pad_token_id), qformer_pad_id=int(qformer.pad_token_id)
        )

    def _taught(
        self,
        sample: AlignedSample,
        cloud: PlacedCloud,
        pose: EgoPose | None,
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        config, targets = self._config.cloud, sample.query.target_ids
        rule = box_rule(sample, config)
        boxes = object_boxes(sample, cloud.placement, rule, targets)
        prompt = drawn_prompt(sample, cloud.placement, boxes, config, rng)
        stated = self._config.taught_places or sample.query.kind in PLACED
        places = BoxGrid.of(cloud).write(boxes.of(targets)) if stated else ""
        words = self._words.taught(*self._instructions.taught(sample, pose, places, rng))
        return {**words._asdict(), **_tensors(prompt)}

    def _asked(
        self,
        sample: AlignedSample,
        cloud: PlacedCloud,
        pose: EgoPose | None,
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        words = self._words.asked(self._instructions.asked(sample, pose))
        captions = self._config.captions
        sought = sought_object(sample, cloud.placement) if captions == "dense" else None
        way = "click" if captions == "dense" and sought is None else captions
        select = sample.query.kind is TaskKind.SELECT
        return {
            **words._asdict(),
            **_tensors(given_prompt(sample, cloud.placement, way)),
            "kind": sample.query.kind,
            "grid": BoxGrid.of(cloud),
            "placement": cloud.placement,
            "choices": choices_of(sample, cloud.placement) if select else None,
            "sought": sought,
            "detection": None if sought is None else self._detection(sample, sought, cloud, rng),
        }

    def _detection(
        self, sample: AlignedSample, sought: Sought, cloud: PlacedCloud, rng: np.random.Generator
    ) -> dict[str, torch.Tensor]:
        """The cloud with walls along the axes, in which objects are detected."""
        if not np.allclose(sought.placed_from_walls, np.eye(4)):
            cloud = self._clouds.plain(sample, rng, on_walls(sample))
        return {"xyz": cloud.xyz, "channels": cloud.channels}


def _tensors(prompt: VisualPrompt) -> dict[str, torch.Tensor | None]:
    parts = prompt._asdict().items()
    return {name: None if v is None else torch.from_numpy(v).float() for name, v in parts}
