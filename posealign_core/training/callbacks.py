"""What is told about a training run while it goes on: a progress bar and a log file."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback

from posealign_core.atomic import write_text
from posealign_core.progress import progress_bar
from posealign_core.training.log import read_log

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import TrainerControl, TrainerState, TrainingArguments

__all__ = ["JsonLog", "ProgressBar"]


class ProgressBar(TrainerCallback):
    """Steps done and the last logged loss, on the first process only."""

    def __init__(self, description: str) -> None:
        self._bar = progress_bar()
        self._task = self._bar.add_task(description, note="")

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start at the step that training resumes from."""
        self._bar.disable = not state.is_world_process_zero
        self._bar.update(self._task, total=state.max_steps, completed=state.global_step)
        self._bar.start()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Move on by a step."""
        self._bar.update(self._task, completed=state.global_step)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Show the loss."""
        if "loss" in given["logs"]:
            self._bar.update(self._task, note=f"loss {given['logs']['loss']:.4g}")

    def close(self) -> None:
        """Give the terminal back, however training ended."""
        self._bar.stop()


class JsonLog(TrainerCallback):
    """One JSON object per logged step; a resumed run continues the file where it resumes.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._started = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Drop the lines of steps that will be done again."""
        if not state.is_world_process_zero:
            return
        kept = [line for line in read_log(self._path) if line["step"] <= state.global_step]
        write_text(self._path, "".join(json.dumps(line) + "\n" for line in kept))
        self._started = time.monotonic() - (kept[-1]["seconds"] if kept else 0.0)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Log where a checkpoint is written, so that a resumed run's lines cover the same steps."""
        control.should_log = control.should_log or control.should_save

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any
    ) -> None:
        """Append a line; the trainer's closing summary is left out."""
        if not state.is_world_process_zero or "loss" not in given["logs"]:
            return
        seconds = round(time.monotonic() - self._started, 3)
        line = {"step": state.global_step, **given["logs"], "seconds": seconds}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
