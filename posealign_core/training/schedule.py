"""How the learning rate changes over a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posealign_core.training.settings import TrainSettings

__all__ = ["learning_rate_factor"]


def learning_rate_factor(step: int, n_steps: int, settings: TrainSettings) -> float:
    """Share of the peak learning rate that optimiser step `step` of `n_steps` (from 0) uses."""
    n_warmup = math.ceil(settings.warmup_ratio * n_steps)
    if step < n_warmup:
        return step / n_warmup
    progress = min(1.0, (step - n_warmup) / max(1, n_steps - n_warmup))
    falling = {
        "cosine": (1 + math.cos(math.pi * progress)) / 2,
        "linear": 1 - progress,
        "constant": 1.0,
    }[settings.schedule]
    floor = settings.final_learning_rate_ratio
    return floor + (1 - floor) * falling
