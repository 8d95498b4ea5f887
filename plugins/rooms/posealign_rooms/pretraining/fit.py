"""The training loop of tiny models."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import torch

from posealign_core.atomic import write_text
from posealign_core.progress import progress_bar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from posealign_rooms.pretraining.bank import RoomBank
    from posealign_rooms.pretraining.recipe import PretrainRecipe

__all__ = ["fit"]

_LOG_EVERY = 100
_SAVE_EVERY_S = 60.0


def fit(
    model: nn.Module,
    bank: RoomBank,
    recipe: PretrainRecipe,
    losses: Callable[[Tensor], Mapping[str, Tensor]],
    *,
    log: Path,
    save: Callable[[], None],
    title: str = "pre-training",
) -> None:
    """Train on the rooms of a bank; print and log the losses, save once a minute and at the end.

    Args:
        model: What trains: its parameters that require gradients.
        bank: The rooms, on the device of the model.
        recipe: How long and how fast.
        losses: Named losses of some rooms (B,); their sum is minimised.
        log: Gets one JSON object per line.
        save: Writes the weights.
        title: What the progress bar says.
    """
    torch.set_float32_matmul_precision("high")
    parameters = [p for p in model.parameters() if p.requires_grad]
    generator = torch.Generator(parameters[0].device).manual_seed(recipe.seed)
    optimizer = torch.optim.AdamW(
        parameters, lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    started = saved = time.monotonic()
    lines: list[str] = []
    with progress_bar() as bar:
        task = bar.add_task(title, total=recipe.steps, note="")
        step, progress = 0, 0.0
        while progress < 1.0:
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * recipe.rate(step, progress)
            rooms = bank.choose(recipe.batch_size, recipe.largest_room(progress), generator)
            found = losses(rooms)
            optimizer.zero_grad()
            torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            step += 1
            seconds = time.monotonic() - started
            progress = recipe.progress(step, seconds)
            if step % _LOG_EVERY == 1 or progress >= 1.0:
                values = {name: round(loss.item(), 4) for name, loss in found.items()}
                lines.append(json.dumps({"step": step, **values, "seconds": round(seconds, 1)}))
                write_text(log, "\n".join(lines) + "\n")
                bar.console.print(f"{title} {lines[-1]}", highlight=False, soft_wrap=True)
            if time.monotonic() - saved > _SAVE_EVERY_S:
                save()
                saved = time.monotonic()
            bar.update(task, completed=step)
    save()
