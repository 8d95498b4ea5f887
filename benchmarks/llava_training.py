"""Training samples per second of 3D-LLaVA: our recipe beside the published setting, in one run.

    python benchmarks/llava_training.py [--size 7b|tiny] [--batch-sizes 32 24 16] [--ahead]

Both train the same network (random weights, made on the GPU) through the project's trainer, with
the frozen point encoder in the loop and the same samples per optimiser step. Published: micro-batch
2, activations recomputed. Ours: the first of `--batch-sizes` that fits, nothing recomputed,
micro-batches of one task and of similar lengths. Time is from the end of the first optimiser step,
which warms up, to the end of the last. Samples come from data-loader workers; with `--ahead` each
was encoded before, so that only the device is measured. Memory stands beside the trainer's
estimate for sequences of that length. Exits with 1 below 6 times.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from llava_workload import Workload, device_name
from torch.utils.data import Dataset
from transformers import TrainerCallback

from posealign_3d_llava.training.memory import estimate_memory
from posealign_3d_llava.training.trainer import LlavaTrainer
from posealign_core.training.items import EncodedItems
from posealign_core.training.plan import Item
from posealign_core.training.settings import TrainSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from transformers import TrainingArguments

    from posealign_core.training.loop import TrainingLoop

WANTED = 6.0
BENCHMARKS = ("scan2cap", "scanqa", "sqa3d", "scanrefer", "multi3drefer", "nr3d")
_GIB = 2**30


class Clock(TrainerCallback):
    """When each optimiser step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Wait for the device and note the time."""
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())


class Kept(Dataset[Any]):
    """Samples that were encoded before.

    Args:
        items: What encodes them.
        wanted: The samples of the run.
    """

    def __init__(self, items: EncodedItems, wanted: Iterable[Item]) -> None:
        self._length = len(items)
        self._kept: dict[tuple[int, ...], Any] = {}
        for item in wanted:
            if item.indices not in self._kept:
                self._kept[item.indices] = items[item]

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, item: Item) -> Any:
        return self._kept[item.indices]


class TimedTrainer(LlavaTrainer):
    """The trainer with a clock, and with samples that were encoded before if wanted."""

    ahead = False

    def _loop(self, arguments: TrainingArguments) -> TrainingLoop:
        loop = super()._loop(arguments)
        self.clock = Clock()
        loop.add_callback(self.clock)
        if self.ahead:
            items = cast("EncodedItems", loop.train_dataset)
            loop.train_dataset = Kept(items, loop._get_train_sampler())
        return loop


@dataclass(frozen=True)
class Result:
    """What one setting came to."""

    name: str
    batch_size: int
    per_second: float
    peak_gib: float
    estimate_gib: float


def measure(
    name: str, settings: TrainSettings, work: Workload, model: tuple[Any, Any], args: Any
) -> Result:
    """Train a few steps."""
    encoder, backbone = model
    per_step = settings.batch_size * settings.accumulation
    queries = work.queries(BENCHMARKS, "train", args.samples)
    output = work.folder / "training"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    trainer = TimedTrainer(backbone, encoder, work.pipeline(queries), settings, output)
    trainer.ahead = args.ahead
    n_text = tokens_per_sequence(work, encoder, 12) - work.size.tower.n_tokens
    estimate = estimate_memory(backbone, settings, n_text_tokens=round(n_text)).total
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    trainer.train(resume=False)
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    ends = trainer.clock.ends
    rate = per_step * (len(ends) - 1) / (ends[-1] - ends[0])
    return Result(name, settings.batch_size, rate, peak / _GIB, estimate / _GIB)


def tokens_per_sequence(work: Workload, encoder: Any, n: int) -> float:
    """Mean over some samples, with their scene tokens."""
    queries = work.queries(BENCHMARKS, "train", n)
    items = EncodedItems(work.pipeline(queries), encoder, n)
    lengths = [len(items[Item(0, (i,))].features["input_ids"]) for i in range(n)]
    return work.size.tower.n_tokens - 1 + sum(lengths) / n


def ours(base: TrainSettings, work: Workload, model: tuple[Any, Any], args: Any) -> Result:
    """The largest micro-batch that fits.

    Raises:
        RuntimeError: None does.
    """
    for size in args.batch_sizes:
        settings = replace(base, batch_size=size, accumulation=max(1, args.effective // size))
        try:
            return measure("ours", replace(settings, max_steps=1 + args.steps), work, model, args)
        except torch.cuda.OutOfMemoryError:
            print(f"micro-batch {size} does not fit", flush=True)
        release()
    raise RuntimeError(f"none of the micro-batches {args.batch_sizes} fits")


def release() -> None:
    """Give back what the last run held."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def report(results: list[Result]) -> float:
    """Print the table; returns the ratio of the first to the last."""
    print(f"\n{'':<11}{'micro-batch':>12}{'samples/s':>11}{'peak GiB':>10}{'estimate GiB':>14}")
    for r in results:
        print(
            f"{r.name:<11}{r.batch_size:>12}{r.per_second:>11.1f}{r.peak_gib:>10.1f}"
            f"{r.estimate_gib:>14.1f}"
        )
    ratio = results[0].per_second / results[-1].per_second
    print(f"ours / published: {ratio:.1f} on {device_name()}")
    return ratio


def main() -> int:
    """Make rooms and a model, and train."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=["7b", "tiny"], default="7b", help="(7b)")
    parser.add_argument("--scenes", type=int, default=16, help="rooms (16)")
    parser.add_argument("--samples", type=int, default=96, help="distinct samples (96)")
    parser.add_argument("--effective", type=int, default=64, help="samples per step (64)")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 16], help="ours (32 16)")
    parser.add_argument("--steps", type=int, default=3, help="measured steps of ours (3)")
    parser.add_argument("--workers", type=int, default=8, help="data-loader processes (8)")
    parser.add_argument("--jobs", type=int, default=8, help="processes that make rooms (8)")
    parser.add_argument("--mode", choices=["none", "transform"], default="transform")
    parser.add_argument("--ahead", action="store_true", help="encode before; measure the device")
    parser.add_argument("--data", type=Path, help="folder to keep the rooms in, or to find them")
    args = parser.parse_args()
    base = TrainSettings(
        lora_rank=32,
        lora_alpha=64,
        workers=0 if args.ahead else args.workers,
        log_every_steps=1,
        save_every_steps=10**6,
    )
    mode = None if args.mode == "none" else args.mode
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.data or Path(temporary)
        work = Workload(folder, args.size, n_train=args.scenes, n_val=1, jobs=args.jobs, mode=mode)
        start = time.perf_counter()
        model = work.model()
        print(f"model made in {time.perf_counter() - start:.0f} s", flush=True)
        n_tokens = tokens_per_sequence(work, model[0], 12)
        print(f"{n_tokens:.0f} tokens per sequence in the mean", flush=True)
        results = [ours(base, work, model, args)]
        release()
        published = replace(
            base,
            batch_size=2,
            accumulation=args.effective // 2,
            gradient_checkpointing=True,
            max_steps=2,
        )
        results.append(measure("published", published, work, model, args))
    return int(report(results) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
