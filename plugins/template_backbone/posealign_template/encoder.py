"""From aligned samples to one token sequence: the scene's objects, then the questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from posealign_core.align import pose_text
from posealign_core.backbone import Batch, Features, SampleEncoder
from posealign_core.errors import BackboneError
from posealign_core.language.packing import IGNORED, PADDING, packed_row
from posealign_core.vocabulary import AlignMode, TaskKind
from posealign_template.objects import SceneObjects, most_relevant, objects_of, row_of_region
from posealign_template.tokens import END, PAD, REPLY, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample, Query
    from posealign_template.config import TemplateConfig

__all__ = ["TemplateEncoder"]


class TemplateEncoder(SampleEncoder):
    """Writes `obj3 obj0 obj7 [pose] <kind> question <reply> answer <end> <kind> ...`.

    In training the objects come in random order and under random slots, so that neither carries
    meaning. Coordinates are taken as they are: the recipe has no geometric augmentation.
    """

    def __init__(self, config: TemplateConfig) -> None:
        self.tokenizer = Tokenizer(config.n_slots, config.n_unknown)
        self.max_objects = min(config.max_objects, config.n_slots)

    def encode(
        self, samples: Sequence[AlignedSample], *, train: bool, rng: np.random.Generator
    ) -> Features:
        """Encode questions about one scene from one pose; see the base class.

        Raises:
            BackboneError: A question has no answer to learn from.
        """
        first = samples[0]
        asked = [f"{sample.query.situation} {sample.query.text}" for sample in samples]
        regions = [sample.region for sample in samples if sample.region is not None]
        shown = {r.object_id for r in regions if r.object_id is not None}
        objects = most_relevant(objects_of(first.scene), " ".join(asked), shown, self.max_objects)
        order, slots = self._arrange(len(objects.names), rng if train else None)
        prefix = [self.tokenizer.slot(s) for s in slots[order]]
        prefix += self.tokenizer.encode(pose_text(first))
        questions = [self._question(sample, objects, slots) for sample in samples]
        answers = [
            [*self._answer(sample.query, objects, order, slots, rng), END] if train else []
            for sample in samples
        ]
        return {
            **packed_row(prefix, questions, answers),
            "names": [torch.tensor(self.tokenizer.encode(objects.names[k])) for k in order],
            "attributes": torch.from_numpy(objects.attributes[order]),
            "pose": first.pose if AlignMode.EMBED in first.settings.modes else None,
            "spelling": self.tokenizer.spelling([*objects.names, *asked]),
            "objects": objects,
        }

    def collate(self, items: Sequence[Features]) -> Batch:
        """Pad sequences on the left; join the objects of all items into flat tensors."""
        fill = {"tokens": PAD, "segments": PADDING, "positions": 0, "targets": IGNORED}
        names = [name for item in items for name in item["names"]]
        return {
            **{
                name: pad_sequence([item[name] for item in items], True, value, "left")
                for name, value in fill.items()
            },
            # One more row, taken away again, because there may be no object at all.
            "names": pad_sequence([*names, torch.tensor([PAD])], True, PAD)[:-1],
            "attributes": torch.cat([item["attributes"] for item in items]),
            "n_objects": [len(item["attributes"]) for item in items],
            "poses": [item["pose"] for item in items],
            "spellings": [item["spelling"] for item in items],
            "objects": [item["objects"] for item in items],
        }

    def _arrange(
        self, n: int, rng: np.random.Generator | None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Order of the n objects' tokens (table rows), and the slot of each table row."""
        if rng is None:
            return np.arange(n), np.arange(n)
        return rng.permutation(n), rng.permutation(self.tokenizer.n_slots)[:n]

    def _question(
        self, sample: AlignedSample, objects: SceneObjects, slots: NDArray[np.int64]
    ) -> list[int]:
        query = sample.query
        words = self.tokenizer.encode(f"{query.situation} {query.text}")
        if query.kind is TaskKind.CAPTION and sample.region is not None:
            words.append(self.tokenizer.slot(slots[row_of_region(objects, sample.region)]))
        return [self.tokenizer.kind(query.kind), *words, REPLY]

    def _answer(
        self,
        query: Query,
        objects: SceneObjects,
        order: NDArray[np.int64],
        slots: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> list[int]:
        """The slots of the targets, in the order of the objects, or one of the accepted texts."""
        if query.kind in (TaskKind.SELECT, TaskKind.GROUND):
            is_target = np.isin(objects.object_ids[order], query.target_ids)
            return [self.tokenizer.slot(s) for s in slots[order[is_target]]]
        if not query.references:
            raise BackboneError(
                f"query {query.query_id!r} of {query.benchmark} has no answer to learn from; "
                "leave it out of the training set"
            )
        return self.tokenizer.encode(query.references[rng.integers(len(query.references))])
