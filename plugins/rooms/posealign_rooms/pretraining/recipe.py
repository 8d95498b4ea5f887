"""The recipe by which tiny models learn: rooms grow, and the learning rate falls."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

__all__ = ["PretrainRecipe"]


@dataclass(frozen=True, kw_only=True)
class PretrainRecipe:
    """How long, how fast, and on how large rooms.

    Attributes:
        steps: Most optimiser steps.
        minutes: Most minutes; the schedule follows whichever of the two is nearer its end.
        batch_size: Rooms in a step.
        max_objects: Objects of the largest rooms.
        growth: Share of the training after which rooms have their full size; the first have two
            objects.
        learning_rate: Peak, after a warm-up of 100 steps; then a cosine to zero.
        weight_decay: Decoupled weight decay.
        seed: Seed of the weights and of the order of rooms.
    """

    steps: int = 9000
    minutes: float = 600.0
    batch_size: int = 512
    max_objects: int = 12
    growth: float = 0.4
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    seed: int = 0

    def progress(self, step: int, seconds: float) -> float:
        """Share of the training that is behind, from 0 to 1."""
        return min(1.0, max(step / self.steps, seconds / (60 * self.minutes)))

    def rate(self, step: int, progress: float) -> float:
        """Share of the peak learning rate."""
        return min(1.0, (step + 1) / 100) * (1 + math.cos(math.pi * progress)) / 2

    def largest_room(self, progress: float) -> int:
        """Objects of the largest rooms."""
        grown = min(1.0, progress / max(1e-9, self.growth))
        return round(2 + grown * (self.max_objects - 2))

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Make every setting an option whose default is this recipe's."""
        for field in fields(self):
            value = getattr(self, field.name)
            name = f"--{field.name.replace('_', '-')}"
            parser.add_argument(name, type=type(value), default=value)

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> PretrainRecipe:
        """Read back what `add_arguments` declared."""
        return cls(**{field.name: getattr(arguments, field.name) for field in fields(cls)})
