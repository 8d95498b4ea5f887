"""The CPU side: aligned samples to objects in slots, and words about them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from posealign_chat_scene.encode.answerable import answerable
from posealign_chat_scene.encode.dialogue import Dialogue
from posealign_chat_scene.encode.placement import place
from posealign_chat_scene.identifiers import identifier
from posealign_chat_scene.model.network import IMAGE_TOKEN, POINT_TOKEN
from posealign_chat_scene.objects.matching import LEAST_OVERLAP, row_of_region, rows_of_objects
from posealign_chat_scene.objects.proposals import detected, own_objects
from posealign_chat_scene.objects.source import feature_source
from posealign_chat_scene.texts import TEXT_RULES, TaskTexts
from posealign_chat_scene.tokenizer import load_tokenizer
from posealign_core.backbone import Batch, Features, SampleEncoder
from posealign_core.errors import BackboneError, DataError, PoseAlignWarning
from posealign_core.language.packing import IGNORED, PADDING, packed_row
from posealign_core.language.texts import load_texts
from posealign_core.vocabulary import AlignMode, Fidelity, TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_chat_scene.encode.placement import Placed
    from posealign_chat_scene.objects.proposals import Proposals
    from posealign_core.structures import AlignedSample

__all__ = ["ChatSceneEncoder"]

_REFERRING = (TaskKind.GROUND, TaskKind.SELECT)
_FILL = {"tokens": 0, "segments": PADDING, "positions": 0, "targets": IGNORED}
_STACKED = ("points", "images", "centers", "valid", "order")


class ChatSceneEncoder(SampleEncoder):
    """Writes `words [ <OBJ000> 3-D 2-D <OBJ001> 3-D 2-D ... words question ASSISTANT: answer`.

    In training, which object has which identifier is drawn anew each time, so that none carries
    meaning. Places are taken as they are: the recipe has no geometric augmentation.

    Args:
        config: Of the backbone.

    Raises:
        ConfigError: Files do not go together, or a wording lacks a marker.
        DataError: A file is missing or damaged.
    """

    def __init__(self, config: ChatSceneConfig) -> None:
        self._config = config
        self._n_slots = config.network.n_slots
        self._tokenizer = load_tokenizer(config.tokenizer, self._n_slots)
        texts = load_texts(TaskTexts(), config.texts, config.text_digests, TEXT_RULES)
        self._dialogue = Dialogue(texts, config.leading_space)
        self._features = feature_source(config)
        self._prefix = self._written_prefix(texts)

    def encode(
        self, samples: Sequence[AlignedSample], *, train: bool, rng: np.random.Generator
    ) -> Features:
        """Encode questions about one scene from one pose; see the base class.

        Raises:
            BackboneError: A question has no answer to learn from, or nothing to describe.
            DataError: An object's place is not finite, or what is to be found is not among the
                proposals.
        """
        first = samples[0]
        self._warn_of_no_effect(first)
        proposals = self.proposals(first)
        shown = [self._shown_row(sample, proposals) for sample in samples]
        targets = [self._target_rows(s, proposals) if train else [] for s in samples]
        needed = {row for row in (*shown, *(r for own in targets for r in own)) if row is not None}
        kept = proposals.first(self._n_slots, needed)
        at = {key: row for row, key in enumerate(kept.keys)}
        order = self._order(rng, train=train)
        slot_of = np.argsort(order)

        def slot(row: int) -> int:
            """The slot of a row of all proposals."""
            return int(slot_of[at[proposals.keys[row]]])

        placed = place(first, kept, self._config)
        questions, answers = [], []
        for sample, row, own in zip(samples, shown, targets, strict=True):
            seen = None if row is None else slot(row)
            asked = self._dialogue.question(sample, placed.pose, seen, train=train)
            questions.append(self._ids(f"{asked} ASSISTANT: "))
            said = self._said(sample, [slot(r) for r in own], seen, rng) if train else []
            answers.append(said)
        row_of_words = packed_row(self._prefix, questions, answers)
        features = {
            **(self._cut(row_of_words) if train else row_of_words),
            **self._objects(first, kept, placed),
            "order": torch.from_numpy(order),
            "pose": placed.embedded,
        }
        if train:
            return features
        seen_row = None if shown[0] is None else at[proposals.keys[shown[0]]]
        return {**features, "answerable": answerable(first, kept, seen_row)}

    def collate(self, items: Sequence[Features]) -> Batch:
        """Pad sequences on the left; stack the slots."""
        padded = {
            name: pad_sequence([item[name] for item in items], True, value, "left")
            for name, value in _FILL.items()
        }
        stacked = {name: torch.stack([item[name] for item in items]) for name in _STACKED}
        rest = ("pose", "n_missing", "n_cut", "answerable")
        listed = {n: [item[n] for item in items] for n in rest if n in items[0]}
        return {**padded, **stacked, **listed}

    def proposals(self, sample: AlignedSample) -> Proposals:
        """All objects that a scene is seen as.

        Raises:
            DataError: A place is not finite, or no attribute file lists the scan.
        """
        files = self._config.objects.proposals
        return detected(sample, files) if files else own_objects(sample)

    def _written_prefix(self, texts: TaskTexts) -> list[int]:
        names = [identifier(number) for number in range(self._n_slots)]
        ids = [cast("int", self._tokenizer.convert_tokens_to_ids(name)) for name in names]
        block = [token for i in ids for token in (i, POINT_TOKEN, IMAGE_TOKEN)]
        start = [int(self._tokenizer.bos_token_id), *self._ids(texts.before)]
        return [*start, *block, *self._ids(texts.after)]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    def _order(self, rng: np.random.Generator, *, train: bool) -> np.ndarray:
        """The object of each slot."""
        if train or self._config.test_order is Fidelity.RELEASED:
            return rng.permutation(self._n_slots)
        return np.arange(self._n_slots)

    def _said(
        self,
        sample: AlignedSample,
        targets: list[int],
        shown: int | None,
        rng: np.random.Generator,
    ) -> list[int]:
        answer = self._dialogue.answer(sample.query, targets, shown, rng)
        return [*self._ids(answer), int(self._tokenizer.eos_token_id)]

    def _shown_row(self, sample: AlignedSample, proposals: Proposals) -> int | None:
        """The object that a caption is to describe."""
        query = sample.query
        if query.kind is not TaskKind.CAPTION:
            return None
        region = sample.region
        row = None if region is None else row_of_region(proposals, sample.scene, region)
        if row is None:
            raise BackboneError(
                f"query {query.query_id!r}: wanted an object to describe, found "
                f"{'no region' if region is None else f'{len(proposals)} objects'}"
            )
        return row

    def _target_rows(self, sample: AlignedSample, proposals: Proposals) -> list[int]:
        query = sample.query
        if query.kind not in _REFERRING:
            return []
        rows = rows_of_objects(proposals, sample.scene, query.target_ids, least=LEAST_OVERLAP)
        lacking = [i for i, row in zip(query.target_ids, rows, strict=True) if row is None]
        if lacking:
            raise DataError(
                f"query {query.query_id!r}: wanted objects {lacking} of scene "
                f"{sample.scene.scene_id!r} among its proposals, found none that overlaps them by "
                f"{LEAST_OVERLAP}; leave it out of the training set"
            )
        return sorted({row for row in rows if row is not None})

    def _cut(self, row: dict[str, torch.Tensor]) -> dict[str, Any]:
        """A training row without what is beyond the longest (3.7)."""
        limit, length = self._config.llm.max_length, len(row["tokens"])
        return {
            **{name: values[:limit] for name, values in row.items()},
            "n_cut": max(0, length - limit),
        }

    def _objects(self, sample: AlignedSample, kept: Proposals, placed: Placed) -> dict[str, Any]:
        """Features and places by row, empty rows behind."""
        known = self._features.of(sample, kept)
        n = self._n_slots - len(kept)

        def filled(values: np.ndarray) -> torch.Tensor:
            rows = np.pad(values, ((0, n), *((0, 0),) * (values.ndim - 1)))
            return torch.from_numpy(np.ascontiguousarray(rows))

        return {
            "points": filled(known.points),
            "images": filled(known.images),
            "centers": filled(placed.centers.astype(np.float32)),
            "valid": filled(kept.placed),
            "n_missing": known.n_missing,
        }

    def _warn_of_no_effect(self, sample: AlignedSample) -> None:
        """Say so where a mode moves places that reach nothing (9.2)."""
        network, modes = self._config.network, sample.settings.modes
        deaf = network.channel == "none"
        transform = AlignMode.TRANSFORM in modes and self._config.objects.reextract == "none"
        embed = AlignMode.EMBED in modes and self._config.embed == "places"
        if deaf and (transform or embed):
            mode = AlignMode.TRANSFORM if transform else AlignMode.EMBED
            warnings.warn(
                f"chat_scene: {mode.value} mode has no effect, because places do not reach the "
                "network; set backbone.config.network.channel, as the preset 7b-channel does",
                PoseAlignWarning,
                stacklevel=3,
            )
