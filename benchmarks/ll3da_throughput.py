"""LL3DA's training samples and answers per second, batched beside one at a time, in one run.

    python benchmarks/ll3da_throughput.py [--size opt-1.3b] [--batch 8] [--repeat 3] [--device cuda]

Random weights; questions about furnished rooms in transform mode, each from its own pose, so that
every question has its own cloud, as in a posed run. A training step is forward, backward and AdamW
over what the published recipe trains; one at a time, the same samples take a step each. Answers are
16 greedy tokens. Encoding on the CPU side is not counted. The fastest of the repeats counts; time
is wall time.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate.utils import send_to_device

from posealign_core.config import load_backbone_config
from posealign_core.structures import GenerationOptions
from posealign_core.training.lora import in_float32, select_trainable
from posealign_core.training.settings import TrainSettings
from posealign_core.vocabulary import EgoFrame, TaskKind
from posealign_ll3da.backbone import Ll3daBackbone
from posealign_ll3da.encode.encoder import Ll3daEncoder
from posealign_ll3da.plugin import SPEC
from posealign_ll3da.scenes import Scenes
from posealign_rooms.pretraining import draw_room, look_at, scanned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posealign_core.backbone import Batch
    from posealign_core.structures import AlignedSample

SIZES = {
    "tiny": ("tiny", {"pretrained": False, "lora": False}, 0.1),
    "opt-1.3b": ("opt-1.3b", {"text_digests": {}}, 0.03),
}
"""Preset, what differs from it, and the spacing of a room's points, metres."""
N_TOKENS = 16


def questions(n: int, spacing_m: float) -> list[AlignedSample]:
    """One question in words about each of n rooms, seen by somebody in it."""
    samples: list[AlignedSample] = []
    seed = 0
    while len(samples) < n:
        rng = np.random.default_rng(seed)
        layout = draw_room(rng, 8)
        room = look_at(
            layout, scanned(layout, spacing_m, rng), rng, n_questions=6, frames=[EgoFrame.CAMERA]
        )
        samples += [s for s in room.samples if s.query.kind is TaskKind.ANSWER][:1]
        seed += 1
    return samples


def batches(
    encoder: Ll3daEncoder, samples: Sequence[AlignedSample], size: int, *, train: bool, device: str
) -> list[Batch]:
    """Encoded samples in batches, on the device."""
    rng = np.random.default_rng(0)
    items = [encoder.encode([sample], train=train, rng=rng) for sample in samples]
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    return [send_to_device(encoder.collate(part), device) for part in parts]


def fastest(run: Callable[[], None], repeat: int, device: str) -> float:
    """Seconds of the fastest of some runs, after one that does not count."""
    seconds = []
    for _ in range(repeat + 1):
        start = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


def train_on(backbone: Ll3daBackbone, parts: Sequence[Batch], optimizer: torch.optim.AdamW) -> None:
    """A step for each batch."""
    backbone.train()
    for batch in parts:
        backbone(batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


def answer(backbone: Ll3daBackbone, parts: Sequence[Batch]) -> None:
    """Answer all batches, without anything kept from before."""
    backbone.eval()
    backbone._scenes = Scenes()
    for batch in parts:
        backbone.generate(batch, GenerationOptions(max_new_tokens=N_TOKENS))


def measure(args: argparse.Namespace) -> list[tuple[str, float, float]]:
    """Name of each line, and samples per second one at a time and batched."""
    preset, changes, spacing = SIZES[args.size]
    config = load_backbone_config(SPEC, preset, changes)
    torch.manual_seed(0)
    encoder, backbone = Ll3daEncoder(config), Ll3daBackbone(config).to(args.device)
    select_trainable(backbone, TrainSettings())
    samples = questions(args.batch, spacing)
    lines = []
    with in_float32(backbone):
        trained = [p for p in backbone.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-6)
        for name, train in (("training samples", True), ("answers", False)):
            rates = []
            for size in (1, args.batch):
                parts = batches(encoder, samples, size, train=train, device=args.device)

                def run(parts: Sequence[Batch] = parts, *, train: bool = train) -> None:
                    if train:
                        train_on(backbone, parts, optimizer)
                    else:
                        answer(backbone, parts)

                rates.append(len(samples) / fastest(run, args.repeat, args.device))
            lines.append((name, *rates))
    return lines


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--size", choices=SIZES, default="opt-1.3b")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    where = torch.cuda.get_device_name() if args.device == "cuda" else "CPU"
    print(f"{args.size}, batches of {args.batch}, {where}, torch {torch.__version__}")
    print(f"{'per second':<18}{'one at a time':>15}{'batched':>10}{'ratio':>8}")
    for name, alone, batched in measure(args):
        print(f"{name:<18}{alone:>15.2f}{batched:>10.2f}{batched / alone:>7.1f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
