"""Trains the tiny weights: the tower on classes and masks, the language model on answers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import torch
from accelerate.utils import send_to_device
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.checkpoints.layout import merged_tensors
from posealign_3d_llava.pretraining.items import NO_SUPERPOINT, Rooms
from posealign_core.atomic import atomic_path, write_text
from posealign_core.progress import progress_bar

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from posealign_3d_llava.config import LlavaConfig
    from posealign_3d_llava.pretraining.recipe import PretrainRecipe
    from posealign_core.backbone import Batch

__all__ = ["pretrain", "pretraining_losses"]

_LOG_EVERY = 50


def pretrain(
    config: LlavaConfig, recipe: PretrainRecipe, output: Path, *, device: str
) -> LlavaBackbone:
    """Train all weights from random ones; write them and, beside them, `<name>.jsonl`.

    Args:
        config: Of the tiny backbone, without pre-trained weights.
        recipe: The recipe.
        output: The `.safetensors` file, in half precision.
        device: Where to train.
    """
    torch.manual_seed(recipe.seed)
    backbone = LlavaBackbone(config).to(device).train()
    optimizer = torch.optim.AdamW(
        backbone.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, recipe.rate)
    rooms = Rooms(config, recipe)
    loader = DataLoader(
        rooms, recipe.batch_size, num_workers=recipe.workers, collate_fn=rooms.collate
    )
    log, started = [], time.monotonic()
    with progress_bar() as bar:
        task = bar.add_task("pre-training", total=recipe.steps, note="")
        for step, batch in enumerate(loader):
            losses = pretraining_losses(backbone, send_to_device(batch, device))
            optimizer.zero_grad()
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(backbone.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            if step % _LOG_EVERY == 0 or step == recipe.steps - 1:
                line = {name: round(loss.item(), 4) for name, loss in losses.items()}
                log.append({"step": step, **line, "seconds": round(time.monotonic() - started, 1)})
                bar.update(task, note=" ".join(f"{k} {v:.3f}" for k, v in line.items()))
            bar.advance(task)
    weights = {k: t.half().cpu().contiguous() for k, t in merged_tensors(backbone.lm).items()}
    with atomic_path(output) as temporary:
        save_file(weights, temporary, metadata={"format": "pt"})
    write_text(output.with_suffix(".jsonl"), "".join(json.dumps(line) + "\n" for line in log))
    return backbone


def pretraining_losses(backbone: LlavaBackbone, batch: Batch) -> dict[str, Tensor]:
    """Answers, masks, and the class of every superpoint, by which scene tokens are chosen."""
    features = backbone.lm.tower.encode(batch["cloud"])
    loss = backbone.loss(batch, features)
    classes = nn.functional.cross_entropy(
        features.class_logits.flatten(0, 1).float(),
        batch["classes"].flatten(),
        ignore_index=NO_SUPERPOINT,
    )
    return {"language": loss.language, "segmentation": loss.segmentation, "classes": classes}
