"""Fine-tuning a backbone on aligned queries, with adapters and fully trained modules."""

from __future__ import annotations

import math
import shutil
from contextlib import nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch
from transformers import PreTrainedModel, TrainingArguments, set_seed

from posealign_core.atomic import make_folder
from posealign_core.errors import BackboneError, ConfigError
from posealign_core.recover import query_rng
from posealign_core.training.callbacks import JsonLog, ProgressBar
from posealign_core.training.checkpoint import load_checkpoint, save_checkpoint
from posealign_core.training.groups import parameter_groups
from posealign_core.training.items import EncodedItems
from posealign_core.training.loop import TrainingLoop, newest_checkpoint
from posealign_core.training.lora import in_float32, select_trainable
from posealign_core.training.meta import CheckpointMeta, differences, is_checkpoint, read_meta
from posealign_core.training.outcome import read_outcome
from posealign_core.training.plan import ItemStream, pack
from posealign_core.training.schedule import learning_rate_factor

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping
    from pathlib import Path

    from posealign_core.backbone import Backbone, SampleEncoder
    from posealign_core.pipeline import QueryPipeline
    from posealign_core.training.outcome import TrainOutcome
    from posealign_core.training.settings import TrainSettings

__all__ = ["LoraTrainer"]


class LoraTrainer:
    """Trains a backbone on the queries of a pipeline; resumes what was interrupted.

    A thin layer over `transformers.Trainer`, which brings accumulation, mixed precision, torchrun
    and loggers. A backbone with another recipe overrides `epoch_items`, `parameter_groups` or
    `learning_rate_factor`.

    Args:
        backbone: What trains, in place.
        encoder: The backbone's encoder.
        pipeline: Queries, poses, alignment and the seed.
        settings: The recipe.
        output_dir: Gets `train.jsonl` and `checkpoints/`.
        config: The backbone's own config as plain values, for the checkpoint's record.
    """

    def __init__(
        self,
        backbone: Backbone,
        encoder: SampleEncoder,
        pipeline: QueryPipeline,
        settings: TrainSettings,
        output_dir: Path,
        *,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        tags = pipeline.host.backbones[pipeline.backbone].tags
        if settings.questions_per_sequence > 1 and not tags.packs_questions:
            raise BackboneError(
                f"backbone {pipeline.backbone!r} takes one question per sequence, found "
                f"questions_per_sequence = {settings.questions_per_sequence}; set it to 1"
            )
        self.backbone = backbone
        self.encoder = encoder
        self.pipeline = pipeline
        self.settings = settings
        self.output_dir = output_dir
        self._config = dict(config or {})

    @property
    def checkpoints_dir(self) -> Path:
        """Folder of `final` and of the checkpoints to resume from."""
        return self.output_dir / "checkpoints"

    @property
    def _final(self) -> Path:
        return self.checkpoints_dir / "final"

    @property
    def _log(self) -> Path:
        return self.output_dir / "train.jsonl"

    def epoch_items(self, epoch: int) -> list[tuple[int, ...]]:
        """Training sequences of an epoch in order, each a tuple of indices into the queries."""
        rng = query_rng(self.pipeline.seed, epoch, "order")
        queries, size = self.pipeline.queries, self.settings.questions_per_sequence
        keys: list[Hashable] = list(range(len(queries)))
        if size > 1:
            by_scene = sorted(range(len(queries)), key=lambda i: queries[i].scene_id)
            for i in by_scene:  # reads each scan once
                keys[i] = self.pipeline.view(queries[i], epoch)
        return pack(keys, size, rng)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Groups of trained parameters with their peak learning rates and weight decays."""
        return parameter_groups(self.backbone, self.settings)

    def learning_rate_factor(self, step: int, n_steps: int) -> float:
        """Share of the peak learning rate that optimiser step `step` of `n_steps` uses."""
        return learning_rate_factor(step, n_steps, self.settings)

    def train(self, *, resume: bool = True) -> TrainOutcome:
        """Train to the end; seeds the global random generators.

        Args:
            resume: Continue from the last checkpoint in `output_dir`, if there is one; a finished
                run is loaded. Otherwise start anew and remove what is there.

        Raises:
            ConfigError: `output_dir` holds a run with another recipe, or there are no queries.
            BackboneError: The backbone names parameters that it does not have, its loss is no
                longer finite, or it does not fit into memory.
            DataError: A scan, a table or a checkpoint is missing or damaged.
        """
        if not self.pipeline.queries:
            raise ConfigError(["there are no queries to train on"], source="training")
        make_folder(self.checkpoints_dir)
        arguments = self._arguments()
        with arguments.main_process_first(local=False):
            if not resume and arguments.process_index == 0:
                self._remove_earlier()
        self._refuse_other_recipe()
        if is_checkpoint(self._final):
            load_checkpoint(self.backbone, self._final)
        else:
            self._train(arguments)
        return read_outcome(self._final, self._log)

    def _train(self, arguments: TrainingArguments) -> None:
        set_seed(self.pipeline.seed)
        select_trainable(self.backbone, self.settings)
        if self.settings.gradient_checkpointing:
            _checkpoint_activations(self.backbone)
        precise = in_float32(self.backbone) if arguments.bf16 else nullcontext()
        with precise:
            loop = self._loop(arguments)
            bar = ProgressBar(f"train {self.pipeline.backbone}")
            loop.add_callback(bar)
            loop.add_callback(JsonLog(self._log))
            checkpoint = newest_checkpoint(self.checkpoints_dir)
            try:
                loop.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
            except torch.OutOfMemoryError as error:
                raise _does_not_fit(self.settings) from error
            finally:
                bar.close()
                _unwrap(loop)
            if arguments.should_save:
                save_checkpoint(self.backbone, self._final, self._meta(loop.state.global_step))
            loop.accelerator.wait_for_everyone()
        self.backbone.eval()

    def _arguments(self) -> TrainingArguments:
        s, cuda = self.settings, torch.cuda.is_available()
        arguments = TrainingArguments(
            output_dir=str(self.checkpoints_dir),
            per_device_train_batch_size=s.batch_size,
            gradient_accumulation_steps=s.accumulation,
            max_grad_norm=s.max_grad_norm,
            use_cpu=not cuda,
            bf16=s.bf16 and _has_bf16(),
            seed=self.pipeline.seed,
            save_strategy="steps",
            save_steps=s.save_every_steps,
            logging_steps=s.log_every_steps,
            logging_nan_inf_filter=False,
            dataloader_num_workers=s.workers,
            dataloader_pin_memory=cuda,
            remove_unused_columns=False,
            disable_tqdm=True,
            report_to=list(s.report_to) or "none",
        )
        arguments._n_gpu = min(arguments.n_gpu, 1)  # several GPUs are for torchrun
        return arguments

    def _loop(self, arguments: TrainingArguments) -> TrainingLoop:
        s = self.settings
        per_step = s.batch_size * s.accumulation * arguments.world_size
        first = self.epoch_items(0)
        steps_per_epoch = len(first) / per_step
        n_steps = s.max_steps or math.ceil(s.epochs * steps_per_epoch)
        arguments.max_steps = n_steps
        stream = ItemStream(
            lambda epoch: self.epoch_items(epoch) if epoch else first, n_steps * per_step
        )
        return TrainingLoop(
            self.backbone,
            arguments,
            EncodedItems(self.pipeline, self.encoder, len(stream)),
            stream,
            groups=self.parameter_groups(),
            factor=self.learning_rate_factor,
            meta=self._meta,
            keep=s.keep_checkpoints,
            steps_per_epoch=steps_per_epoch,
        )

    def _remove_earlier(self) -> None:
        shutil.rmtree(self.checkpoints_dir)
        make_folder(self.checkpoints_dir)
        self._log.unlink(missing_ok=True)

    def _refuse_other_recipe(self) -> None:
        found = (
            self._final if is_checkpoint(self._final) else newest_checkpoint(self.checkpoints_dir)
        )
        faults = differences(read_meta(found), self._meta(0)) if found else []
        if faults:
            raise ConfigError(
                [*faults, "choose another output folder, or start anew without resuming"],
                source=str(self.checkpoints_dir),
            )

    def _meta(self, step: int) -> CheckpointMeta:
        return CheckpointMeta(
            backbone=self.pipeline.backbone,
            config=self._config,
            settings=asdict(self.settings),
            seed=self.pipeline.seed,
            step=step,
        )


def _unwrap(loop: TrainingLoop) -> None:
    """Take off what accelerate put on a backbone.

    Its mark would keep a second training in this process from running in mixed precision.
    """
    backbone = loop.accelerator.unwrap_model(loop.model_wrapped, keep_fp32_wrapper=False)
    vars(backbone).pop("_is_accelerate_prepared", None)


def _does_not_fit(settings: TrainSettings) -> BackboneError:
    """What to change, with the same number of sequences in an optimiser step."""
    size, total = settings.batch_size, settings.batch_size * settings.accumulation
    smaller = next(n for n in range(max(1, size // 2), 0, -1) if total % n == 0)
    advice = [f"train.batch_size = {smaller} with train.accumulation = {total // smaller}"]
    if size == 1:
        advice = ["a lower train.lora_rank or train.questions_per_sequence"]
    if not settings.gradient_checkpointing:
        advice.append("train.gradient_checkpointing = true")
    return BackboneError(
        f"training: out of memory with train.batch_size = {size}; set {', or '.join(advice)}"
    )


def _has_bf16() -> bool:
    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def _checkpoint_activations(backbone: Backbone) -> None:
    """Switch on activation checkpointing in the transformers models inside a backbone.

    Raises:
        BackboneError: There are none.
    """
    models = [m for m in backbone.modules() if isinstance(m, PreTrainedModel)]
    if not models:
        raise BackboneError(
            f"{type(backbone).__name__}: gradient_checkpointing needs a transformers model inside, "
            "found none; set it to false"
        )
    for model in models:
        if model.supports_gradient_checkpointing:
            # Renamed in transformers 5.2x; the old name warns there.
            enable = getattr(model, "activation_checkpointing_enable", None)
            (enable or model.gradient_checkpointing_enable)({"use_reentrant": False})
