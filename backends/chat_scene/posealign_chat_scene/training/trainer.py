"""The core's trainer, with Chat-Scene's recipe (specification section 4)."""

from __future__ import annotations

import math
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import torch
from rich.console import Console

from posealign_chat_scene.training.learnable import learnable
from posealign_core.errors import ConfigError
from posealign_core.training.lora_trainer import LoraTrainer
from posealign_core.training.memory import estimate_memory
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from posealign_chat_scene.backbone import ChatSceneBackbone
    from posealign_core.training.outcome import TrainOutcome

__all__ = ["ChatSceneTrainer"]

TOKENS_PER_OBJECT = 3
PUBLISHED_BATCH = 128
"""Sequences per step that the published learning rate is stated for."""


class ChatSceneTrainer(LoraTrainer):
    """Leaves out what no proposal stands for, spares word embeddings, and warms up as published."""

    @property
    def _chat(self) -> ChatSceneBackbone:
        return cast("ChatSceneBackbone", self.backbone)

    def train(self, *, resume: bool = True) -> TrainOutcome:
        """Train to the end; see the base class."""
        if torch.cuda.is_available() and int(os.environ.get("RANK", "0")) == 0:
            config = self._chat.chat_config
            n_tokens = TOKENS_PER_OBJECT * config.network.n_slots
            estimate = estimate_memory(
                self.backbone, config.llm, self.settings, n_scene_tokens=n_tokens
            )
            Console(stderr=True).print(str(estimate))
        return super().train(resume=resume)

    def epoch_items(self, epoch: int) -> list[tuple[int, ...]]:
        """As the base class, without questions about objects that no proposal stands for.

        Raises:
            ConfigError: None is left.
        """
        kept = (
            tuple(i for i in item if i in self._learnable) for item in super().epoch_items(epoch)
        )
        items = [item for item in kept if item]
        if not items:
            raise ConfigError(
                ["no question's objects are among the proposals; check objects.proposals"],
                source="training",
            )
        return items

    def parameter_groups(self) -> list[dict[str, Any]]:
        """As the base class; word embeddings decay, and the rate follows the GPUs, as released."""
        config, groups = self._chat.chat_config, super().parameter_groups()
        words = self._chat.network.llama_model.model.embed_tokens.weight
        if config.embedding_decay is Fidelity.CORRECT:
            for group in [g for g in groups if any(p is words for p in g["params"])]:
                group["params"] = [p for p in group["params"] if p is not words]
                groups.append({**group, "params": [words], "weight_decay": 0.0})
        if config.rate_scaling is Fidelity.RELEASED:
            n_gpus = int(os.environ.get("WORLD_SIZE", "1"))
            for group in groups:
                group["lr"] *= self.settings.batch_size * n_gpus / PUBLISHED_BATCH
        return [group for group in groups if group["params"]]

    def learning_rate_factor(self, step: int, n_steps: int) -> float:
        """A cosine that starts and ends at the floor, instead of falling onto it from above it."""
        settings = self.settings
        if settings.schedule != "cosine":
            return super().learning_rate_factor(step, n_steps)
        n_warmup = math.ceil(settings.warmup_ratio * n_steps)
        if step < n_warmup:
            factor = step / n_warmup
        else:
            progress = min(1.0, (step - n_warmup) / max(1, n_steps - n_warmup))
            factor = (1 + math.cos(math.pi * progress)) / 2
        return max(settings.final_learning_rate_ratio, factor)

    @cached_property
    def _learnable(self) -> frozenset[int]:
        kept = learnable(self.pipeline, self._chat.chat_config.objects)
        n_queries = len(self.pipeline.queries)
        if len(kept) < n_queries and int(os.environ.get("RANK", "0")) == 0:
            Console(stderr=True).print(
                f"{n_queries - len(kept)} of {n_queries} questions are left out: no proposal "
                "stands for what they are about"
            )
        return kept
