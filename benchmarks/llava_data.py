"""Samples per second that one worker reads, aligns, augments and voxelises for training.

    python benchmarks/llava_data.py [--size 7b|tiny] [--samples 60] [--mode transform]

Rooms of published size are made on disk first. Each line is one stage alone, on one thread; the
last is what a data-loader worker does per training sample, all stages together, a scan being read
once for all questions about it that follow within the cache (1 GiB, about 30 scans).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

BENCHMARKS = ("scan2cap", "scanqa", "sqa3d", "scanrefer", "multi3drefer", "nr3d")


def milliseconds(work: Callable[[int], object], n: int) -> tuple[float, float]:
    """Mean and median of `n` calls."""
    times = []
    for i in range(n):
        start = time.perf_counter()
        work(i)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.mean(times), statistics.median(times)


def measure(args: argparse.Namespace, folder: Path) -> None:
    """Print one line per stage."""
    import torch
    from llava_workload import Workload

    from posealign_3d_llava.encode.encoder import LlavaEncoder
    from posealign_core.training.items import EncodedItems
    from posealign_core.training.plan import Item

    torch.set_num_threads(1)
    mode = None if args.mode == "none" else args.mode
    work = Workload(folder, args.size, n_train=args.scenes, n_val=1, jobs=args.jobs, mode=mode)
    queries = work.queries(BENCHMARKS, "train", args.samples)
    scene_ids = sorted({query.scene_id for query in queries})
    pipeline, encoder = work.pipeline(queries), LlavaEncoder(work.config())
    items = EncodedItems(pipeline, encoder, len(queries))
    first = items[Item(0, (0,))].features["cloud"]
    print(f"{len(first.coords)} points, {len(first.voxels)} voxels, mode {args.mode}")
    print(f"{'':<34}{'mean ms':>9}{'median ms':>11}{'per second':>12}")

    def line(name: str, call: Callable[[int], object], n: int) -> None:
        mean, median = milliseconds(call, n)
        print(f"{name:<34}{mean:>9.1f}{median:>11.1f}{1e3 / mean:>12.1f}", flush=True)

    line("read a scan", lambda i: work.dataset.scene(scene_ids[i]), len(scene_ids))
    line("pose and alignment", lambda i: pipeline.sample(queries[i], 0), len(queries))
    line("all, per sample", lambda i: items[Item(1, (i,))], len(queries))


def main() -> int:
    """Make rooms and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", choices=["7b", "tiny"], default="7b", help="of the rooms (7b)")
    parser.add_argument("--scenes", type=int, default=4, help="rooms (4)")
    parser.add_argument("--samples", type=int, default=60, help="training samples (60)")
    parser.add_argument(
        "--mode", choices=["none", "transform", "embed", "prompt"], default="transform"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes that make rooms (1)")
    parser.add_argument("--data", type=Path, help="folder to keep the rooms in, or to find them")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        measure(args, args.data or Path(temporary))
    return 0


if __name__ == "__main__":
    sys.exit(main())
