"""Chat-Scene's training samples and answers per second, beside the published setting, in one run.

    python benchmarks/chat_scene_throughput.py [--size 7b] [--batch 32] [--answers 16] [--repeat 2]

Random weights in the published sizes and precision; questions about furnished rooms, each with 100
objects of random features in 300 tokens. A training step is forward, backward and AdamW over what
the published recipe trains. The published settings: 32 sequences of one question with recomputed
activations, and answers one at a time with five beams. Ours: fewer sequences at a time whose
activations are kept, several questions about a scene in one sequence, and answers in batches.
Random models do not stop, so that every answer has `--tokens` tokens. Encoding on the CPU side is
not counted. The fastest of the repeats counts; time is wall time.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from accelerate.utils import send_to_device

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.plugin import SPEC
from posealign_chat_scene.tokenizer import VOCABULARY
from posealign_core.config import load_backbone_config
from posealign_core.language.tokenizers import toy_tokenizer
from posealign_core.structures import GenerationOptions
from posealign_core.training.lora import in_float32, select_trainable
from posealign_core.training.settings import TrainSettings
from posealign_core.vocabulary import TaskKind
from posealign_rooms.pretraining import draw_room, look_at
from posealign_rooms.sampling import scene_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_core.backbone import Batch
    from posealign_core.structures import AlignedSample

PACKED = 4
"""Questions about a scene in one sequence."""
KEPT = 4
"""Part of the batch whose activations are kept at a time."""
N_WORDS = 32_000


def config_of(size: str, folder: Path) -> ChatSceneConfig:
    """The configuration, with a vocabulary of the published size."""
    changes = {"objects": {"features": "files"}, "pretrained": False}
    if size == "7b":
        known = VOCABULARY.read_text(encoding="utf-8").split()
        base = toy_tokenizer(known)
        fillers = [f"filler{i}" for i in range(N_WORDS - len(base))]
        toy_tokenizer([*known, *fillers]).save_pretrained(str(folder))
        changes |= {"tokenizer": str(folder)}
    preset = "7b-channel" if size == "7b" else "tiny"
    config: ChatSceneConfig = load_backbone_config(SPEC, preset, changes)
    return config


def questions(n: int) -> list[list[AlignedSample]]:
    """About each of n rooms, as many questions in words as are packed."""
    rooms: list[list[AlignedSample]] = []
    seed = 0
    while len(rooms) < n:
        rng = np.random.default_rng(seed)
        layout = draw_room(rng, 8)
        samples = look_at(layout, scene_of(layout), rng, n_questions=16).samples
        asked = [s for s in samples if s.query.kind is TaskKind.ANSWER][:PACKED]
        rooms += [asked] if asked else []
        seed += 1
    return [(asked * PACKED)[:PACKED] for asked in rooms]


def batch_of(
    encoder: ChatSceneEncoder, rows: Sequence[Sequence[AlignedSample]], *, train: bool, device: str
) -> Batch:
    """Encoded rows with random features for every slot, on the device."""
    rng = np.random.default_rng(0)
    batch = dict(encoder.collate([encoder.encode(row, train=train, rng=rng) for row in rows]))
    batch |= {name: torch.randn_like(batch[name]) for name in ("points", "images", "centers")}
    batch["valid"] = torch.ones_like(batch["valid"])
    moved: Batch = send_to_device(batch, device)
    return moved


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


class Trainer:
    """Takes steps over the trained part of a backbone."""

    def __init__(self, backbone: ChatSceneBackbone, device: str) -> None:
        self.backbone = backbone
        self.device = device
        trained = [p for p in backbone.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(trained, lr=1e-7)

    def step(self, parts: Sequence[Batch], *, recompute: bool) -> None:
        """One step over several batches."""
        model = self.backbone.network.llama_model
        verb = "enable" if recompute else "disable"
        new, old = f"activation_checkpointing_{verb}", f"gradient_checkpointing_{verb}"
        switch = getattr(model, new, None) or getattr(model, old)
        switch(*([{"use_reentrant": False}] if recompute else []))
        self.backbone.train()
        for batch in parts:
            (self.backbone(batch).loss / len(parts)).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def measure_training(args: argparse.Namespace, backbone: ChatSceneBackbone) -> list[str]:
    """A line per way to train."""
    encoder = ChatSceneEncoder(backbone.chat_config)
    rooms = questions(args.batch)
    ones = [row[:1] for row in rooms]
    size = max(1, args.batch // KEPT)
    with in_float32(backbone):
        trainer = Trainer(backbone, args.device)
        ways = {
            f"published: {args.batch} sequences, recomputed": ([ones], True, 1),
            f"{size} at a time, kept": (
                [ones[i : i + size] for i in range(0, len(ones), size)], False, 1,
            ),
            f"{size} at a time, {PACKED} questions each, kept": (
                [rooms[i : i + size] for i in range(0, len(rooms), size)], False, PACKED,
            ),
        }  # fmt: skip
        lines, first = [], 0.0
        for name, (parts, recompute, packed) in ways.items():
            batches = [batch_of(encoder, p, train=True, device=args.device) for p in parts]
            seconds = fastest(
                lambda b=batches, r=recompute: trainer.step(b, recompute=r),
                args.repeat,
                args.device,
            )
            rate = packed * args.batch / seconds
            first = first or rate
            lines.append(f"{name:<48}{rate:>10.2f}{rate / first:>8.2f}x{_peak(args.device):>10}")
    return lines


def measure_answers(args: argparse.Namespace, backbone: ChatSceneBackbone) -> list[str]:
    """A line for one at a time, and one for a batch."""
    encoder = ChatSceneEncoder(backbone.chat_config)
    rows = [row[:1] for row in questions(args.answers)]
    options = GenerationOptions(max_new_tokens=args.tokens, num_beams=5, repetition_penalty=3.0)
    backbone.eval()
    lines, first = [], 0.0
    for name, size in (("published: one at a time", 1), (f"{args.answers} at a time", len(rows))):
        parts = [rows[i : i + size] for i in range(0, len(rows), size)]
        batches = [batch_of(encoder, p, train=False, device=args.device) for p in parts]

        def run(batches: Sequence[Batch] = batches) -> None:
            with torch.inference_mode():
                for batch in batches:
                    backbone.generate(batch, options)

        rate = len(rows) / fastest(run, args.repeat, args.device)
        first = first or rate
        lines.append(f"{name:<48}{rate:>10.2f}{rate / first:>8.2f}x{_peak(args.device):>10}")
    return lines


def _peak(device: str) -> str:
    if device != "cuda":
        return ""
    peak = torch.cuda.max_memory_allocated() / 2**30
    torch.cuda.reset_peak_memory_stats()
    return f"{peak:.1f} GiB"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--size", choices=("tiny", "7b"), default="7b")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--answers", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    where = torch.cuda.get_device_name() if args.device == "cuda" else "CPU"
    print(f"{args.size}, {where}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(args.size, Path(folder))
        config = replace(config, dtype=config.dtype if args.device == "cuda" else "float32")
        with torch.device(args.device):
            backbone = ChatSceneBackbone(config)
        print(f"{'answers per second':<48}{'':>10}{'ratio':>9}{'peak':>10}")
        print("\n".join(measure_answers(args, backbone)))
        select_trainable(backbone, TrainSettings(lora_rank=16, lora_alpha=16))
        backbone.to(args.device)
        print(f"{'training samples per second':<48}{'':>10}{'ratio':>9}{'peak':>10}")
        print("\n".join(measure_training(args, backbone)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
