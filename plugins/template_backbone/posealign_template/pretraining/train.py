"""Trains the base weights on a bank of rooms."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from posealign_core.progress import progress_bar
from posealign_template.config import TemplateConfig
from posealign_template.model import TemplateBackbone
from posealign_template.pretraining.bank import MAX_OBJECTS, RoomBank

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TrainRecipe", "train"]

LOG_EVERY = 100


@dataclass(frozen=True, kw_only=True)
class TrainRecipe:
    """The recipe.

    Attributes:
        steps: Optimiser steps.
        batch_size: Rooms in a step.
        growth: Share of the steps after which rooms have their full size; the first have two
            objects.
        learning_rate: Peak, after a warm-up of 100 steps; then a cosine to zero.
        weight_decay: Decoupled weight decay.
        seed: Seed of the weights and of the order of rooms.
    """

    steps: int = 9000
    batch_size: int = 512
    growth: float = 0.4
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    seed: int = 0

    def rate(self, step: int) -> float:
        """Share of the learning rate at a step."""
        return min(1.0, (step + 1) / 100) * (1 + math.cos(math.pi * step / self.steps)) / 2

    def largest_room(self, step: int) -> int:
        """Objects of the largest rooms at a step."""
        grown = min(1.0, step / max(1.0, self.growth * self.steps))
        return round(2 + grown * (MAX_OBJECTS - 2))


def train(
    bank: RoomBank,
    recipe: TrainRecipe,
    output: Path,
    *,
    device: str,
    start: Path | None = None,
) -> TemplateBackbone:
    """Train on rooms; write the weights and, beside them, `log.jsonl`.

    Args:
        bank: The rooms, on the same device.
        recipe: The recipe.
        output: The `.safetensors` file, in half precision.
        device: Where to train.
        start: Weights to go on from, instead of random ones.

    Raises:
        CheckpointMismatchError: `start` does not fit the model.
    """
    torch.set_float32_matmul_precision("high")
    torch.manual_seed(recipe.seed)
    generator = torch.Generator(device).manual_seed(recipe.seed)
    backbone = TemplateBackbone(TemplateConfig(pretrained=False))
    if start is not None:
        backbone.load_published(start).require_exact(str(start))
    backbone.to(device)
    optimizer = torch.optim.AdamW(
        backbone.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.rate)
    started, log = time.monotonic(), []
    with progress_bar() as bar:
        task = bar.add_task("pre-training", total=recipe.steps, note="")
        for step in range(recipe.steps):
            n_rooms = bank.n_up_to(recipe.largest_room(step))
            size = (recipe.batch_size,)
            rows = torch.randint(n_rooms, size, device=device, generator=generator)
            loss = backbone(bank.batch(rows, generator)).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(backbone.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % LOG_EVERY == 0 or step == recipe.steps - 1:
                seconds = round(time.monotonic() - started, 1)
                log.append({"step": step, "loss": round(loss.item(), 4), "seconds": seconds})
                bar.update(task, completed=step + 1, note=f"loss {loss.item():.3f}")
    save_file({k: v.half().cpu() for k, v in backbone.state_dict().items()}, output)
    lines = "".join(json.dumps(line) + "\n" for line in log)
    output.with_name("log.jsonl").write_text(lines, encoding="utf-8")
    return backbone
