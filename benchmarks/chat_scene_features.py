"""Chat-Scene's feature extraction: many objects at once beside one at a time, in one run.

    python benchmarks/chat_scene_features.py [--size giant] [--device cuda] [--objects 128]

Uni3D encodes objects of 200 to 20,000 points, DINOv2 frames of 640x480 that are already cut to
size; both have random weights, which cost what trained ones do. The first line of each is the
published setting: float32, without the tensor cores' shorter mantissas. Weights, objects and frames
are the same on every line; the fastest of the repeats counts, on CUDA after a warm-up.

The last column says how far features are from those of the first line, as 1 - cosine, at worst.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from posealign_chat_scene.extraction.cloud_batches import Precision, encode_clouds
from posealign_chat_scene.extraction.dinov2 import LARGE, TINY_IMAGES, Dinov2, encode_images
from posealign_chat_scene.extraction.object_clouds import ObjectCloud
from posealign_chat_scene.extraction.patches import SIDE
from posealign_chat_scene.extraction.uni3d import GIANT, TINY, Uni3D

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SIZES = {"giant": (GIANT, LARGE), "tiny": (TINY, TINY_IMAGES)}
LINES = [(1, Precision.FLOAT32), *((0, precision) for precision in Precision)]
"""Batch size, 0 for that of the command line, and precision."""


def objects(n: int, least: int, n_points: tuple[int, int]) -> list[ObjectCloud]:
    """Objects of log-uniform sizes, with points on the faces of a box."""
    rng = np.random.default_rng(0)
    clouds = []
    for i in range(n):
        n_own = round(np.exp(rng.uniform(*np.log(n_points))))
        points = rng.random((n_own, 3))
        points[np.arange(n_own), rng.integers(0, 3, n_own)] = rng.integers(0, 2, n_own)
        points = (points * rng.uniform(0.2, 2.0, 3)).astype(np.float32)
        colors = rng.integers(0, 256, (n_own, 3), np.uint8)
        clouds.append(ObjectCloud.build(i, points, colors, least=least))
    return clouds


def timed(work: Callable[[], Tensor], device: torch.device, repeat: int) -> tuple[float, Tensor]:
    """Seconds of the fastest call, and what it gave."""
    best = float("inf")
    if device.type == "cuda":
        work()
    for _ in range(repeat):
        start = time.perf_counter()
        result = work().cpu()  # waits for the device
        best = min(best, time.perf_counter() - start)
    return best, result


def compare(
    title: str,
    run: Callable[[int, Precision], Tensor],
    n: int,
    args: argparse.Namespace,
) -> None:
    """Print a line per setting."""
    print(f"\n{title:<34}{'per second':>12}{'ratio':>8}{'1 - cosine':>13}")
    first: tuple[float, Tensor] | None = None
    for size, precision in LINES:
        batch = size or args.batch
        seconds, features = timed(
            lambda b=batch, p=precision: run(b, p), torch.device(args.device), args.repeat
        )
        first = first or (seconds, features)
        apart = 1 - torch.cosine_similarity(
            first[1].flatten(1).double(), features.flatten(1).double()
        )
        name = f"  {'one at a time' if batch == 1 else f'batches of {batch}'}, {precision.value}"
        rate, ratio = n / seconds, first[0] / seconds
        print(f"{name:<34}{rate:>12.1f}{ratio:>8.1f}{float(apart.max()):>13.1e}", flush=True)


def main() -> None:
    """Read the command line, then time both encoders."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="giant")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--objects", type=int, default=128)
    parser.add_argument("--points", type=int, nargs=2, default=(200, 20_000))
    parser.add_argument("--frames", type=int, default=128)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    sizes, image_sizes = SIZES[args.size]
    torch.manual_seed(0)
    with torch.device(args.device):
        model, image_model = Uni3D(sizes).eval(), Dinov2(image_sizes).eval()
    name = torch.cuda.get_device_name() if args.device.startswith("cuda") else "CPU"
    print(f"{name}, torch {torch.__version__}, {torch.get_num_threads()} threads")
    clouds = objects(args.objects, sizes.group_size, tuple(args.points))
    compare(
        f"Uni3D ({args.size}), objects",
        lambda batch, p: encode_clouds(model, clouds, batch_size=batch, precision=p),
        len(clouds),
        args,
    )
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (args.frames, SIDE, SIDE, 3), np.uint8)
    compare(
        f"DINOv2 ({args.size}), frames",
        lambda batch, p: encode_images(image_model, frames, batch_size=batch, precision=p),
        len(frames),
        args,
    )


if __name__ == "__main__":
    main()
