"""The core's trainer, with the order of samples that 3D-LLaVA trains in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import torch
from rich.console import Console

from posealign_3d_llava.training.memory import estimate_memory
from posealign_3d_llava.training.task_mixture import released_task_order, task_order
from posealign_core.errors import ConfigError
from posealign_core.recover import query_rng
from posealign_core.training.lora_trainer import LoraTrainer
from posealign_core.vocabulary import Fidelity, TaskKind

if TYPE_CHECKING:
    from posealign_3d_llava.backbone import LlavaBackbone
    from posealign_core.structures import Query
    from posealign_core.training.outcome import TrainOutcome

__all__ = ["LlavaTrainer"]


class LlavaTrainer(LoraTrainer):
    """Puts one task into every micro-batch, and says beforehand how much memory it will take."""

    @property
    def _llava(self) -> LlavaBackbone:
        return cast("LlavaBackbone", self.backbone)

    def train(self, *, resume: bool = True) -> TrainOutcome:
        """Train to the end; see the base class."""
        if torch.cuda.is_available() and int(os.environ.get("RANK", "0")) == 0:
            Console(stderr=True).print(str(estimate_memory(self._llava, self.settings)))
        return super().train(resume=resume)

    def epoch_items(self, epoch: int) -> list[tuple[int, ...]]:
        """One question per sequence in the order of the task mixture; packs are in random order.

        Raises:
            ConfigError: The released order, which drops incomplete steps, leaves nothing.
        """
        settings, queries = self.settings, self.pipeline.queries
        if settings.questions_per_sequence > 1:
            return super().epoch_items(epoch)
        rng = query_rng(self.pipeline.seed, epoch, "order")
        tasks = [_task(query) for query in queries]
        lengths = [_n_words(query) for query in queries]
        if self._llava.llava_config.sampler is Fidelity.CORRECT:
            order = task_order(tasks, lengths, settings.batch_size, rng)
        else:
            per_step = int(os.environ.get("WORLD_SIZE", "1")) * settings.accumulation
            order = released_task_order(tasks, lengths, settings.batch_size, per_step, rng)
        if not order:
            fault = (
                f"{len(queries)} questions fill no optimiser step, and the released order drops "
                "what does not; lower accumulation, or set backbone.config.sampler to correct"
            )
            raise ConfigError([fault], source="training")
        return [(index,) for index in order]


def _task(query: Query) -> TaskKind:
    return TaskKind.GROUND if query.kind is TaskKind.SELECT else query.kind


def _n_words(query: Query) -> int:
    answer = query.references[0] if query.references else ""
    return len(f"{query.situation} {query.text} {answer}".split())
