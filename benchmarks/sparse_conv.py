"""Our sparse convolutions beside spconv's on a furnished room, side by side in one run.

    python benchmarks/sparse_conv.py [--points 150000] [--batch 1] [--repeat 5] [--device cpu]

Both engines get the same weights and voxels and take turns on every line. On the CPU both run on
one thread, the only way in which spconv's CPU kernels are exact, and time is processor time, so
that a busy machine does not blur the ratio; on CUDA it is wall time. The fastest run counts.

The last column says how far the engines are apart, relative to the largest value. The gradient of
the first layer passes through 44 convolutions and normalisations, which amplify rounding: either
engine in float32 is about as far from its float64 value as from the other.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray

    from posealign_core.nn.sparse_conv import SparseTensor

VOXEL_M = 0.02
LINES = ("maps + conv 32-32", "conv 32-32", "conv 64-64", "U-Net", "U-Net, gradients")
"""The first and the last two build their kernel maps; the others find them in the cache."""


def room(n_points: int, seed: int) -> NDArray[np.int64]:
    """(N, 3) voxel cells of points on the walls, floor and furniture of a room of 6 x 5 x 2.6 m."""
    rng = np.random.default_rng(seed)
    corners, edges = [np.zeros(3)], [np.array([6.0, 5.0, 2.6])]
    for _ in range(20):
        size = rng.uniform(0.3, 1.5, 3) * [1.0, 1.0, 0.7]
        corners.append(rng.random(3) * (edges[0] - size) * [1.0, 1.0, 0.0])
        edges.append(size)
    faces = [(c, e, axis, side) for c, e in zip(corners, edges, strict=True) for axis in range(3)
             for side in (0.0, 1.0)]  # fmt: skip
    areas = np.array([np.prod(np.delete(e, axis)) for _, e, axis, _ in faces])
    chosen = rng.choice(len(faces), n_points, p=areas / areas.sum())
    points = rng.random((n_points, 3))
    for row, (corner, edge, axis, side) in enumerate(faces):
        mine = chosen == row
        points[mine, axis] = side
        points[mine] = corner + points[mine] * edge
    points += rng.normal(0.0, 0.004, points.shape)
    return np.floor((points - points.min(axis=0)) / VOXEL_M).astype(np.int64)


def tensors(args: argparse.Namespace) -> dict[str, SparseTensor]:
    """The same voxels with six features, once per engine."""
    import torch

    from posealign_core.nn.sparse_conv import sparse_tensor
    from posealign_core.nn.voxels import voxelise

    rooms = [voxelise(room(args.points, args.seed + i)).cells for i in range(args.batch)]
    indices = torch.from_numpy(np.concatenate([np.insert(c, 0, i, 1) for i, c in enumerate(rooms)]))
    shape = (indices[:, 1:].amax(0) + 1).clamp(min=128).tolist()
    features = torch.randn(len(indices), 6, generator=torch.Generator().manual_seed(args.seed))
    return {
        engine: sparse_tensor(
            features.to(args.device), indices.to(args.device), shape, args.batch, engine=engine
        )
        for engine in args.engines
    }


def works(
    x: SparseTensor, net: torch.nn.Module, convs: dict[int, torch.nn.Module]
) -> dict[str, Callable[[], torch.Tensor]]:
    """What each line runs; every function returns the tensor that the engines must agree on."""
    import torch

    wide = {c: x.with_features(x.features.repeat(1, c // 6 + 1)[:, :c].contiguous()) for c in convs}

    def conv(width: int, *, fresh: bool) -> torch.Tensor:
        if fresh:
            x.grid.maps.clear()
        with torch.no_grad():
            return convs[width](wide[width]).features

    def unet() -> torch.Tensor:
        x.grid.maps.clear()
        with torch.no_grad():
            return net(x).features

    def gradients() -> torch.Tensor:
        x.grid.maps.clear()
        net.zero_grad()
        net(x).features.square().mean().backward()
        return next(net.parameters()).grad.clone()

    return dict(
        zip(
            LINES,
            (
                lambda: conv(32, fresh=True),
                lambda: conv(32, fresh=False),
                lambda: conv(64, fresh=False),
                unet,
                gradients,
            ),
            strict=True,
        )
    )


def seconds_of(work: Callable[[], torch.Tensor], device: str) -> float:
    """Processor time of one call on the CPU, wall time on CUDA."""
    import torch

    if device == "cpu":
        start = time.process_time()
        work()
        return time.process_time() - start
    torch.cuda.synchronize()
    start = time.perf_counter()
    work()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(args: argparse.Namespace) -> None:
    """Print one line per work, with the engines' times, their ratio and how far they agree."""
    import torch

    from posealign_3d_llava.model.unet import UNet
    from posealign_core.nn.sparse_conv import SparseSequential, SubmanifoldConv3d
    from posealign_core.vocabulary import Fidelity

    torch.manual_seed(args.seed)
    net = SparseSequential(
        SubmanifoldConv3d(6, 32, key="subm1"),
        UNet((32, 64, 96, 128, 160), 2, Fidelity.CORRECT),
    ).to(args.device)
    convs = {c: SubmanifoldConv3d(c, c, key="subm1").to(args.device) for c in (32, 64)}
    inputs = tensors(args)
    n_voxels = len(next(iter(inputs.values())).grid)
    print(f"{args.batch} x {args.points} points, {n_voxels} voxels, torch {torch.__version__}")
    names = "".join(f"{engine + ' ms':>13}" for engine in inputs)
    print(f"{'':<19}{names}{'torch / spconv':>17}{'largest difference':>21}")
    runs = {engine: works(x, net, convs) for engine, x in inputs.items()}
    for line in LINES:
        results = [run[line]() for run in runs.values()]
        seconds: dict[str, list[float]] = {engine: [] for engine in runs}
        for _ in range(args.repeat):
            for engine, run in runs.items():
                seconds[engine].append(seconds_of(run[line], args.device))
        best = [min(s) for s in seconds.values()]
        text = "".join(f"{1e3 * s:>13.1f}" for s in best)
        if len(best) == 2:
            scale = results[1].abs().max().clamp(min=1e-30)
            difference = float((results[0] - results[1]).abs().max() / scale)
            text += f"{best[0] / best[1]:>17.2f}{difference:>21.1e}"
        print(f"{line:<19}{text}", flush=True)


def main() -> int:
    """Read the arguments and measure what can be measured here."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=150_000, help="per scene (default: 150000)")
    parser.add_argument("--batch", type=int, default=1, help="scenes at once (default: 1)")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each line (default: 5)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where present")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")

    import torch

    from posealign_core.errors import MissingDependencyError
    from posealign_core.nn.sparse_conv import choose_engine
    from posealign_core.nn.sparse_conv.engine import load_engine

    torch.set_num_threads(1)
    args.device = args.device or ("cuda" if torch.cuda.is_available() else "cpu")
    choice = choose_engine(torch.device(args.device))
    print(f"default engine on {args.device}: {choice.name} ({choice.reason})")
    args.engines = ["torch"]
    try:
        load_engine("spconv")
        args.engines.append("spconv")
    except MissingDependencyError as error:
        print(f"without spconv: {error}")
    if args.device == "cuda" and choice.name != "spconv":
        args.engines = ["torch"]
    if args.device == "cpu" and not torch.cuda.is_available() and "spconv" in args.engines:
        import spconv.pytorch.ops

        spconv.pytorch.ops.get_current_stream = lambda: 0  # its CPU backward asks, never uses it
    measure(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
