"""Trains the toy; as a program, `python interrupted_run.py FOLDER`, it kills itself on the way."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch
from learning_toy import ToyBackbone, ToyConfig, ToyEncoder, toy_pipeline, toy_queries

from posealign_core.training import LoraTrainer, TrainSettings

SETTINGS = TrainSettings(
    learning_rate=5e-3,
    max_steps=24,
    batch_size=4,
    lora_rank=4,
    lora_dropout=0.1,
    save_every_steps=8,
    log_every_steps=3,
)


def build(folder: Path) -> LoraTrainer:
    return LoraTrainer(
        ToyBackbone(ToyConfig(dropout=0.1)),
        ToyEncoder(ToyConfig()),
        toy_pipeline(folder, toy_queries(annotated=False), seed=3),
        SETTINGS,
        folder / "run",
    )


def die_while_saving(step: int) -> None:
    """Leave half an optimizer state behind, and no process."""
    save = torch.save

    def cut_short(thing: Any, path: Any, **options: Any) -> None:
        if f"checkpoint-{step}" in str(path):
            Path(path).write_bytes(b"half a file")
            os.kill(os.getpid(), signal.SIGKILL)
        save(thing, path, **options)

    torch.save = cut_short


if __name__ == "__main__":
    die_while_saving(16)
    build(Path(sys.argv[1])).train()
