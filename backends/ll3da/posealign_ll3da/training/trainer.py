"""The core's trainer, with LL3DA's schedule and weight decay (specification section 6)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from posealign_core.training.lora_trainer import LoraTrainer
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from posealign_core.training.settings import TrainSettings
    from posealign_ll3da.captioner_backbone import CaptionerBackbone

__all__ = ["Ll3daTrainer", "released_factor"]

_FIRST_RATE = 1e-6


def released_factor(step: int, n_steps: int, settings: TrainSettings) -> float:
    """Share of the peak rate: up from 1e-6 in a line, then on a cosine that began at step 0.

    Args:
        step: Optimiser step, from 0.
        n_steps: Of the run.
        settings: Peak rate, final share and length of the warm-up.
    """
    peak, progress = settings.learning_rate, step / n_steps
    if settings.warmup_ratio > 0 and progress <= settings.warmup_ratio:
        return (_FIRST_RATE + progress / settings.warmup_ratio * (peak - _FIRST_RATE)) / peak
    final = settings.final_learning_rate_ratio
    return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2


class Ll3daTrainer(LoraTrainer):
    """Follows the released recipe where the configuration says so."""

    @property
    def _is_released(self) -> bool:
        return cast("CaptionerBackbone", self.backbone).language_config.recipe is Fidelity.RELEASED

    def learning_rate_factor(self, step: int, n_steps: int) -> float:
        """Share of the peak learning rate; see `released_factor`."""
        if self._is_released:
            return released_factor(step, n_steps, self.settings)
        return super().learning_rate_factor(step, n_steps)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The run's groups; released, everything that trains decays, vectors included."""
        groups = super().parameter_groups()
        if self._is_released:
            groups = [{**group, "weight_decay": self.settings.weight_decay} for group in groups]
        return groups
