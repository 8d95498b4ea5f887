"""What a training run can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from posealign_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Schedule", "TrainSettings"]

Schedule = Literal["cosine", "linear", "constant"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """The recipe of a training run; its seed is the query pipeline's.

    Attributes:
        learning_rate: Peak learning rate of AdamW.
        module_learning_rates: Other peak rates, by prefix of the parameter names that get them;
            the longest prefix that fits wins.
        weight_decay: Decay of matrices; vectors (biases, norms) have none.
        max_grad_norm: Gradients are clipped to this global norm; 0 is off.
        schedule: How the learning rate falls after the warm-up.
        warmup_ratio: Share of the steps in which the learning rate rises linearly from 0.
        final_learning_rate_ratio: Share of the peak rate at which the schedule ends.
        epochs: Passes over the queries; each draws its poses anew.
        max_steps: Number of optimiser steps, instead of `epochs`.
        batch_size: Sequences per device and forward pass.
        accumulation: Forward passes per optimiser step.
        questions_per_sequence: Most questions about one scene from one pose that share a sequence,
            for backbones that can pack them.
        lora_rank: Rank of the adapters.
        lora_alpha: Adapters are scaled by alpha / rank.
        lora_dropout: Dropout in front of the adapters.
        bf16: Mixed precision, on CUDA devices only.
        gradient_checkpointing: Recompute activations of the language model in the backward pass.
        save_every_steps: Steps between checkpoints to resume from.
        keep_checkpoints: How many of these are kept.
        log_every_steps: Steps between lines of the training log.
        workers: Processes that encode; 0 encodes in the training process.
        report_to: Further loggers of `transformers` (`wandb`, `tensorboard`, ...).

    Raises:
        ConfigError: Values are out of range; all of them are named.
    """

    learning_rate: float = 2e-4
    module_learning_rates: Mapping[str, float] = field(default_factory=dict)
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    schedule: Schedule = "cosine"
    warmup_ratio: float = 0.03
    final_learning_rate_ratio: float = 0.0
    epochs: float = 1.0
    max_steps: int | None = None
    batch_size: int = 8
    accumulation: int = 1
    questions_per_sequence: int = 1
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_dropout: float = 0.05
    bf16: bool = True
    gradient_checkpointing: bool = False
    save_every_steps: int = 500
    keep_checkpoints: int = 1
    log_every_steps: int = 10
    workers: int = 0
    report_to: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        at_least_one = (
            "batch_size",
            "accumulation",
            "questions_per_sequence",
            "lora_rank",
            "save_every_steps",
            "keep_checkpoints",
            "log_every_steps",
        )
        checks = [(name, getattr(self, name) >= 1, "at least 1") for name in at_least_one]
        checks += [
            (name, 0 <= getattr(self, name) <= 1, "between 0 and 1")
            for name in ("warmup_ratio", "final_learning_rate_ratio", "lora_dropout")
        ]
        checks += [
            ("learning_rate", self.learning_rate > 0, "more than 0"),
            ("epochs", self.epochs > 0, "more than 0"),
            ("max_steps", self.max_steps is None or self.max_steps >= 1, "at least 1, or nothing"),
            ("workers", self.workers >= 0, "at least 0"),
            ("schedule", self.schedule in get_args(Schedule), " or ".join(get_args(Schedule))),
        ]
        faults = [
            f"{name} = {getattr(self, name)}: wanted {wanted}"
            for name, fits, wanted in checks
            if not fits
        ]
        if faults:
            raise ConfigError(faults, source="training settings")
