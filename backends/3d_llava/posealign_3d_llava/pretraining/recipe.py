"""What the pre-training of the tiny model can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["PretrainRecipe"]


@dataclass(frozen=True, kw_only=True)
class PretrainRecipe:
    """The recipe.

    Attributes:
        steps: Optimiser steps.
        batch_size: Rooms in a step.
        questions: Most questions about a room, all in one sequence.
        spacing_m: Distance between points of a room.
        max_objects: Objects of the largest rooms.
        growth: Share of the steps after which rooms have their full size; the first have two
            objects.
        learning_rate: Peak, after a warm-up of 100 steps; then a cosine to zero.
        weight_decay: Decoupled weight decay.
        workers: Processes that draw rooms.
        seed: Seed of the weights and of the rooms.
    """

    steps: int = 4000
    batch_size: int = 64
    questions: int = 8
    spacing_m: float = 0.1
    max_objects: int = 12
    growth: float = 0.4
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    workers: int = 0
    seed: int = 0

    def rate(self, step: int) -> float:
        """Share of the learning rate at a step."""
        return min(1.0, (step + 1) / 100) * (1 + math.cos(math.pi * step / self.steps)) / 2

    def largest_room(self, step: int) -> int:
        """Objects of the largest rooms at a step."""
        grown = min(1.0, step / (self.growth * self.steps))
        return round(2 + grown * (self.max_objects - 2))
