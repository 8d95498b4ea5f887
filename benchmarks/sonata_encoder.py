"""Milliseconds and memory of the Sonata encoder per scene, by convolution and attention.

    python benchmarks/sonata_encoder.py [--size base small] [--points 150000] [--device cuda]

Random weights; a furnished room, scanned densely and sampled to so many points, in 2 cm voxels
(the tiny encoder: 4,096 points, 10 cm). Timed is what a question in transform mode costs: the
encoder, up-casting, sampling and pooling, for one scene at a time. spconv and flash-attn appear
where they are installed. The fastest of the repeats counts; memory is the peak that torch allocated
beyond the weights. Making voxels on the CPU is timed by itself.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import torch

from posealign_core.config import load_backbone_config
from posealign_core.vocabulary import EgoFrame
from posealign_ll3da.encode.placement import Placement
from posealign_ll3da_sonata.encode.clouds import clouds_of, concatenated, voxelize
from posealign_ll3da_sonata.model.tokens import voxel_tokens
from posealign_ll3da_sonata.plugin import SPEC
from posealign_ll3da_sonata.ptv3 import EncoderOptions, PointTransformer
from posealign_rooms.pretraining import draw_room, look_at, scanned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from posealign_core.structures import AlignedSample
    from posealign_ll3da_sonata.config import SonataConfig

PRESETS = {"base": "opt-1.3b", "small": "opt-1.3b-small", "tiny": "tiny"}
SPACING_M = {"base": 0.02, "small": 0.02, "tiny": 0.1}


def room(spacing_m: float) -> AlignedSample:
    """A question about a room of eight objects, seen by somebody in it."""
    rng = np.random.default_rng(0)
    layout = draw_room(rng, 8)
    scene = scanned(layout, spacing_m, rng)
    return look_at(layout, scene, rng, n_questions=6, frames=[EgoFrame.LEVEL]).samples[0]


def ways(device: str) -> Iterator[EncoderOptions]:
    """Every convolution with every attention that is there."""
    engines = ["torch", *(["spconv"] if find_spec("spconv") and device == "cuda" else [])]
    kernels = [("sdpa", "float32")]
    if device == "cuda":
        kernels += [("sdpa", "float16")]
        kernels += [("flash", "float16")] if find_spec("flash_attn") else []
    for engine in engines:
        for kernel, dtype in kernels:
            yield EncoderOptions(attention=kernel, attention_dtype=dtype, convolution=engine)


def fastest_ms(work: Callable[[], object], repeat: int, device: str) -> float:
    """The best of some runs, after one that is not counted."""
    best = float("inf")
    for run in range(repeat + 1):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        if run:
            best = min(best, time.perf_counter() - started)
    return 1000 * best


def measure(config: SonataConfig, sample: AlignedSample, repeat: int, device: str) -> None:
    """Print a line for each way."""
    here, rng = Placement(np.eye(4)), np.random.default_rng(0)
    made = voxelize(sample, here, config.cloud, rng)
    took = fastest_ms(lambda: voxelize(sample, here, config.cloud, rng), 1, "cpu")
    print(f"  {config.cloud.n_points} points to {len(made.xyz)} voxels on the CPU: {took:.0f} ms")
    batch = {
        name: part.to(device) if torch.is_tensor(part) else part
        for name, part in concatenated([made.tensors()]).items()
    }
    for options in ways(device):
        encoder = PointTransformer(config.encoder, options).to(device).eval()
        with torch.inference_mode():
            if device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated() if device == "cuda" else 0
            took = fastest_ms(
                lambda e=encoder: voxel_tokens(e(clouds_of(batch)), config.tokens), repeat, device
            )
            memory = torch.cuda.max_memory_allocated() - before if device == "cuda" else 0
        shown = f"{memory / 2**20:8.0f} MiB" if device == "cuda" else "            "
        print(
            f"  {options.convolution:7}{options.attention:6}{options.attention_dtype:9}"
            f"{took:9.1f} ms {shown}"
        )


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", nargs="+", choices=list(PRESETS), default=["base", "small"])
    parser.add_argument("--points", type=int, default=150_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    print(f"on {name}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for size in args.size:
        torch.manual_seed(0)
        config = load_backbone_config(SPEC, PRESETS[size], {"pretrained": False})
        if size != "tiny":
            config = replace(config, cloud=replace(config.cloud, n_points=args.points))
        encoder = PointTransformer(config.encoder)
        n = sum(p.numel() for p in encoder.parameters())
        print(f"{size}: {n / 1e6:.1f} M parameters")
        measure(config, room(SPACING_M[size]), args.repeat, args.device)


if __name__ == "__main__":
    main()
