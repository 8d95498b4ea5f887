"""What a training run came to, read from what it left behind."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.training.log import POSES, read_log
from posealign_core.training.meta import read_meta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["TrainOutcome", "read_outcome"]


@dataclass(frozen=True, kw_only=True)
class TrainOutcome:
    """What a training run came to.

    Attributes:
        checkpoint: Folder of the trained weights, for `load_checkpoint`.
        log: File with one JSON object per logged step.
        steps: Optimiser steps.
        loss: Last logged loss, the mean over `log_every_steps` steps.
        pose_counts: How many training poses came about in which way.
    """

    checkpoint: Path
    log: Path
    steps: int
    loss: float
    pose_counts: Mapping[str, int]


def read_outcome(checkpoint: Path, log: Path) -> TrainOutcome:
    """Sum up a finished run.

    Raises:
        DataError: The checkpoint or the log is missing or damaged.
    """
    lines = read_log(log)
    counts: Counter[str] = Counter()
    for line in lines:
        counts.update({k.removeprefix(POSES): n for k, n in line.items() if k.startswith(POSES)})
    return TrainOutcome(
        checkpoint=checkpoint,
        log=log,
        steps=read_meta(checkpoint).step,
        loss=lines[-1]["loss"] if lines else math.nan,
        pose_counts=dict(counts),
    )
