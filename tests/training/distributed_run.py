"""Trains the toy in as many processes as there are: `torchrun distributed_run.py FOLDER SIZE`."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from learning_toy import ToyBackbone, ToyConfig, ToyEncoder, toy_pipeline, toy_queries

from posealign_core.training import LoraTrainer, TrainSettings


def build(folder: Path, batch_size: int) -> LoraTrainer:
    """Questions of one length and no batch statistics: the mean of two halves is the whole's."""
    backbone = ToyBackbone(ToyConfig())
    backbone.norm = torch.nn.Identity()
    return LoraTrainer(
        backbone,
        ToyEncoder(ToyConfig()),
        toy_pipeline(folder, [query for query in toy_queries() if "?" in query.text]),
        TrainSettings(
            learning_rate=5e-3,
            max_steps=4,
            batch_size=batch_size,
            lora_rank=4,
            lora_dropout=0.0,
            log_every_steps=1,
            save_every_steps=2,
        ),
        folder / "run",
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]), int(sys.argv[2])).train()
