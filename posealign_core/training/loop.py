"""The training loop: `transformers.Trainer` told how to train a `Backbone`."""

from __future__ import annotations

import math
import shutil
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate.utils import gather_object
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, Trainer

from posealign_core.errors import BackboneError
from posealign_core.training.checkpoint import load_checkpoint, save_checkpoint
from posealign_core.training.log import POSES

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn
    from transformers import TrainingArguments

    from posealign_core.backbone import Backbone, StepOutput
    from posealign_core.training.items import EncodedItems
    from posealign_core.training.meta import CheckpointMeta
    from posealign_core.training.plan import ItemStream

__all__ = ["TrainingLoop", "newest_checkpoint"]

_PREFIX, _COMPLETE = "checkpoint-", "complete"


def newest_checkpoint(folder: Path) -> Path | None:
    """The last whole checkpoint to resume from, or None."""
    whole = _whole_checkpoints(folder)
    return whole[-1] if whole else None


def _whole_checkpoints(folder: Path) -> list[Path]:
    """Checkpoints that were written to the end, oldest first."""
    marked = [marker.parent for marker in folder.glob(f"{_PREFIX}*/{_COMPLETE}")]
    return sorted(marked, key=lambda path: int(path.name.removeprefix(_PREFIX)))


class TrainingLoop(Trainer):
    """Takes batches of `EncodedItems` in the order of an `ItemStream`.

    Args:
        backbone: What trains.
        args: Arguments of the base class.
        items: The sequences.
        stream: Their order, for the whole run.
        groups: Parameter groups of the optimiser.
        factor: Learning rate factor of a step, of so many steps.
        meta: Record for the checkpoint of a step.
        keep: How many checkpoints to resume from are kept.
        steps_per_epoch: For the log.
    """

    def __init__(
        self,
        backbone: Backbone,
        args: TrainingArguments,
        items: EncodedItems,
        stream: ItemStream,
        *,
        groups: list[dict[str, Any]],
        factor: Callable[[int, int], float],
        meta: Callable[[int], CheckpointMeta],
        keep: int,
        steps_per_epoch: float,
    ) -> None:
        super().__init__(
            model=backbone, args=args, train_dataset=items, data_collator=items.collate
        )
        self.remove_callback(PrinterCallback)
        self._backbone = backbone
        self._stream = stream
        self._groups = groups
        self._factor = factor
        self._meta = meta
        self._keep = keep
        self._steps_per_epoch = steps_per_epoch
        self._pose_counts: Counter[str] = Counter()
        self._step_logs: dict[str, list[float]] = defaultdict(list)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW over the recipe's groups."""
        if self.optimizer is None:
            on_gpu = self.args.device.type == "cuda"
            self.optimizer = torch.optim.AdamW(self._groups, fused=on_gpu or None)
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LambdaLR:
        """The recipe's schedule."""
        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(
                optimizer or self.create_optimizer(),
                lambda step: self._factor(step, num_training_steps),
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """The backbone's loss; what it logs and how its poses came about is kept for the log."""
        output: StepOutput = model(inputs["inputs"])
        self._pose_counts.update(inputs["pose_counts"])
        for name, value in output.logs.items():
            self._step_logs[name].append(float(value))
        return (output.loss, output) if return_outputs else output.loss

    def log(self, logs: dict[str, Any], start_time: float | None = None) -> None:
        """Add what was kept since the last line."""
        if "loss" in logs:
            if not math.isfinite(logs["loss"]):
                raise BackboneError(
                    f"{type(self._backbone).__name__}: the loss is {logs['loss']} at step "
                    f"{self.state.global_step}; lower learning_rate or max_grad_norm, or set bf16 "
                    "to false"
                )
            averages = {name: sum(v) / len(v) for name, v in sorted(self._step_logs.items())}
            counts: Counter[str] = sum(gather_object([self._pose_counts]), Counter())
            logs |= {**averages, **{POSES + name: n for name, n in sorted(counts.items())}}
            self._step_logs.clear()
            self._pose_counts.clear()
        self.state.epoch = self.state.global_step / self._steps_per_epoch
        super().log(logs, start_time)

    def _get_train_sampler(self, train_dataset: Any = None) -> ItemStream:
        return self._stream

    def _prepare_inputs(self, inputs: Any) -> Any:
        return inputs  # the data loader has put them on the device, whatever they are made of

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.args.should_save:
            save_checkpoint(
                self._backbone, Path(output_dir or ""), self._meta(self.state.global_step)
            )

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        load_checkpoint(self._backbone, Path(resume_from_checkpoint))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if not self.args.should_save:
            return
        folder = Path(str(self.args.output_dir))
        (folder / f"{_PREFIX}{self.state.global_step}" / _COMPLETE).touch()
        for old in _whole_checkpoints(folder)[: -self._keep]:
            (old / _COMPLETE).unlink()
            shutil.rmtree(old)
