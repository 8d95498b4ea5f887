"""From aligned samples to a cloud, visual prompts and words, whatever network reads the cloud."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import torch

from posealign_core.align.stated_pose import stated_pose
from posealign_core.backbone import Batch, Features, SampleEncoder
from posealign_core.language.texts import load_texts
from posealign_core.vocabulary import AlignMode, TaskKind
from posealign_ll3da.encode.boxes import BoxGrid, box_rule, object_boxes
from posealign_ll3da.encode.choices import choices_of
from posealign_ll3da.encode.clouds import PlacedCloud
from posealign_ll3da.encode.collate import collate
from posealign_ll3da.encode.instructions import PLACED, Instructions
from posealign_ll3da.encode.visual_prompts import VisualPrompt, drawn_prompt, given_prompt
from posealign_ll3da.encode.words import Words
from posealign_ll3da.texts import TEXT_RULES, TaskTexts
from posealign_ll3da.tokenizer import load_tokenizers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from torch import Tensor

    from posealign_core.structures import AlignedSample, EgoPose
    from posealign_ll3da.config import LanguageConfig
    from posealign_ll3da.encode.clouds import Clouds

__all__ = ["QuestionEncoder", "prompt_tensors"]


C = TypeVar("C", bound=PlacedCloud)


class QuestionEncoder(SampleEncoder, Generic[C]):
    """Places a cloud, and puts each question about it into words for both tokenizers.

    Args:
        config: Of the backbone.
        clouds: Makes what the network reads.

    Raises:
        ConfigError: Texts or tokenizers do not fit together.
        DataError: A file that the config names is missing or damaged.
    """

    fitted_boxes: ClassVar[bool] = True
    """Whether box prompts lie along the axes; see `box_prompt`."""

    def __init__(self, config: LanguageConfig, clouds: Clouds[C]) -> None:
        self._config = config
        self._tokenizers = load_tokenizers(config)
        self._words = Words(self._tokenizers, config.max_text)
        texts = load_texts(TaskTexts(), config.texts, config.text_digests, TEXT_RULES)
        self._instructions = Instructions(texts)
        self._clouds = clouds

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

    def place(self, sample: AlignedSample, *, train: bool, rng: np.random.Generator) -> C:
        """The cloud that questions about one scene are encoded with; arguments as for `encode`."""
        augment = train and self._config.cloud.augment
        make = self._clouds.training if augment else self._clouds.plain
        return make(sample, rng)

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
            "cloud": cloud.tensors(),
            "pose": pose if AlignMode.EMBED in first.settings.modes else None,
            "questions": questions,
        }

    def collate(self, items: Sequence[Features]) -> Batch:
        """Join clouds, pad words; clouds that are one object are encoded once."""
        llm, qformer = self._tokenizers
        return collate(
            items,
            self.join,
            repeated=not self._config.cloud.augment,
            llm_pad_id=int(llm.pad_token_id),
            qformer_pad_id=int(qformer.pad_token_id),
        )

    @abstractmethod
    def join(self, clouds: Sequence[Mapping[str, Tensor]]) -> Mapping[str, Any]:
        """Put the tensors of distinct clouds into one input of the network."""

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
        prompt = drawn_prompt(sample, cloud.placement, boxes, config, rng, fitted=self.fitted_boxes)
        stated = self._config.taught_places or sample.query.kind in PLACED
        places = BoxGrid.of(cloud).write(boxes.of(targets)) if stated else ""
        words = self._words.taught(*self._instructions.taught(sample, pose, places, rng))
        return {**words._asdict(), **prompt_tensors(prompt)}

    def _asked(
        self,
        sample: AlignedSample,
        cloud: PlacedCloud,
        pose: EgoPose | None,
        rng: np.random.Generator,
    ) -> dict[str, Any]:
        words = self._words.asked(self._instructions.asked(sample, pose))
        select = sample.query.kind is TaskKind.SELECT
        return {
            **words._asdict(),
            "kind": sample.query.kind,
            "grid": BoxGrid.of(cloud),
            "placement": cloud.placement,
            "choices": choices_of(sample, cloud.placement) if select else None,
            **self._pointed_at(sample, cloud, rng),
        }

    def _pointed_at(
        self, sample: AlignedSample, cloud: PlacedCloud, rng: np.random.Generator
    ) -> dict[str, Any]:
        """The visual prompt of a question that is to be answered, and what else finds its object.

        Args:
            sample: The question.
            cloud: Its cloud.
            rng: Draws further clouds.
        """
        prompt = given_prompt(
            sample, cloud.placement, self._config.captions, fitted=self.fitted_boxes
        )
        return prompt_tensors(prompt)


def prompt_tensors(prompt: VisualPrompt) -> dict[str, Tensor | None]:
    """A prompt as float32 tensors."""
    parts = prompt._asdict().items()
    return {name: None if v is None else torch.from_numpy(v).float() for name, v in parts}
