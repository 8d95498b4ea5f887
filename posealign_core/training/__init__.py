"""Fine-tuning: LoRA on a backbone's linears, whole modules beside it, everything resumable.

`settings` and `meta` are light; the rest needs torch, transformers and peft, and is imported when
it is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from posealign_core.training.settings import TrainSettings

if TYPE_CHECKING:
    from posealign_core.training.checkpoint import load_checkpoint, save_checkpoint
    from posealign_core.training.lora import select_trainable
    from posealign_core.training.lora_trainer import LoraTrainer
    from posealign_core.training.meta import CheckpointMeta, read_meta
    from posealign_core.training.outcome import TrainOutcome

__all__ = [
    "CheckpointMeta",
    "LoraTrainer",
    "TrainOutcome",
    "TrainSettings",
    "load_checkpoint",
    "read_meta",
    "save_checkpoint",
    "select_trainable",
]

_HOME = {
    "CheckpointMeta": "meta",
    "LoraTrainer": "lora_trainer",
    "TrainOutcome": "outcome",
    "load_checkpoint": "checkpoint",
    "read_meta": "meta",
    "save_checkpoint": "checkpoint",
    "select_trainable": "lora",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
