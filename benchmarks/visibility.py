"""Visibility of one scan: the published algorithm, plainly written, against our engines.

Both sides score the same made-up room in one run under the rule `released`, and must give the same
scores. The plain side is our own rendition of the published algorithm: for each camera all points
are moved into its frame at once, a Python loop projects each of them into the Z-buffer, and for
each object a mask picks the points that are compared with it. Ours is timed as a whole call, and
without checking and sorting the arrays, which the plain side does not do. Triton's times include
the transfers to and from the GPU.

    python benchmarks/visibility.py
    python benchmarks/visibility.py --points 20000 --cameras 10
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import resource
import time
from typing import TYPE_CHECKING, TypeVar

import numba
import numpy as np
import torch

from posealign_core.geometry import SCANNET_CONSTANT, corners_from_aabb
from posealign_core.recover import visibility_scores
from posealign_core.recover.prepare import prepare_masks
from posealign_core.recover.visibility import count_scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T")

COUNTING = {
    "numpy": "counting alone",
    "numba": "counting alone",
    "triton": "transfers to the GPU, kernels, transfer back",
}
WANTED_RATIOS = {"numba": 200, "triton": 20_000}
ROOM_M = np.array([7.0, 5.0, 2.6])


def main() -> None:
    """Measure, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=150_000)
    parser.add_argument("--cameras", type=int, default=100)
    parser.add_argument("--objects", type=int, default=40)
    parser.add_argument(
        "--plain-cameras", type=int, help="time the plain side on so many and scale (default: all)"
    )
    args = parser.parse_args()
    points, ids = make_room(args.points, args.objects)
    poses = make_cameras(args.cameras)
    print(f"python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}, "
          f"torch {torch.__version__}; {describe_hardware()}")  # fmt: skip
    print(
        f"{len(points)} points, {len(poses)} cameras, {args.objects} objects, rule 'released'; "
        f"{numba.get_num_threads()} threads for numba"
    )
    engines = available_engines()
    plain_s, plain = time_plain(points, ids, poses, args.plain_cameras or len(poses))
    prepared = prepare_masks(points, ids, poses, SCANNET_CONSTANT, rule="released")
    missed = []
    for engine in engines:
        whole_s, scores = timed(lambda e=engine: score(points, ids, poses, e))
        if not np.array_equal(scores[: len(plain)], plain):
            raise SystemExit(f"{engine} and the plain side give different scores")
        count_s, _ = timed(lambda e=engine: count_scores(prepared, e))
        print(f"{engine:<24}{whole_s:12.5f} s{plain_s / whole_s:12.0f}x   whole call, with checks")
        print(f"{'':<24}{count_s:12.5f} s{plain_s / count_s:12.0f}x   {COUNTING[engine]}")
        if plain_s / count_s < WANTED_RATIOS.get(engine, 0):
            missed.append(f"{engine} {WANTED_RATIOS[engine]}x")
    print_memory(points, ids, engines)
    if missed:
        raise SystemExit(f"below the wanted ratio: {', '.join(missed)}")


def score(
    points: NDArray[np.float32], ids: NDArray[np.int64], poses: NDArray[np.float64], engine: str
) -> NDArray[np.float32]:
    """Our scores."""
    return visibility_scores(points, ids, poses, SCANNET_CONSTANT, rule="released", engine=engine)[
        0
    ]


def time_plain(
    points: NDArray[np.float32], ids: NDArray[np.int64], poses: NDArray[np.float64], n_cameras: int
) -> tuple[float, NDArray[np.float32]]:
    """Seconds of the plain side for all cameras, and its scores for those it was run on."""
    start = time.perf_counter()
    scores = plain_scores(points.astype(np.float64), ids, poses[:n_cameras])
    seconds = time.perf_counter() - start
    note = ""
    if n_cameras < len(poses):
        note = f"   (measured {seconds:.2f} s on {n_cameras} cameras, scaled linearly)"
        seconds *= len(poses) / n_cameras
    print(f"{'plain Python':<24}{seconds:12.5f} s{1:12.0f}x{note}")
    return seconds, scores


def plain_scores(
    points: NDArray[np.float64], ids: NDArray[np.int64], poses: NDArray[np.float64]
) -> NDArray[np.float32]:
    """The published algorithm (3d_llava spec 8.6; paper_results 1.13), loop by loop."""
    camera = SCANNET_CONSTANT.scaled(0.1)
    objects = np.unique(ids)
    scores = np.zeros((len(poses), len(objects)), dtype=np.float32)
    for i, pose in enumerate(poses):
        in_camera = plain_transform(points, np.linalg.inv(pose))
        buffer = np.full((camera.height, camera.width), np.inf)
        for x, y, z in in_camera:
            if z <= 0:
                continue
            u = int(camera.fx * x / z + camera.cx)
            v = int(camera.fy * y / z + camera.cy)
            if 0 <= u < camera.width and 0 <= v < camera.height:
                buffer[v, u] = min(buffer[v, u], z)
        for column, object_id in enumerate(objects):
            own = in_camera[ids == object_id]
            scores[i, column] = plain_visible(own, buffer) / len(own)
    return scores


def plain_transform(
    points: NDArray[np.float64], camera_from_world: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Points (N, 3) in the camera's frame, all at once."""
    x, y, z = points.T
    rows = [((r[0] * x + r[1] * y) + r[2] * z) + r[3] for r in camera_from_world[:3]]
    return np.stack(rows, axis=1)


def plain_visible(own: NDArray[np.float64], buffer: NDArray[np.float64]) -> int:
    """How many points of one object pass the Z-buffer."""
    camera = SCANNET_CONSTANT.scaled(0.1)
    x, y, z = own[own[:, 2] > 0].T
    u = (camera.fx * x / z + camera.cx).astype(np.int64)
    v = (camera.fy * y / z + camera.cy).astype(np.int64)
    inside = (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    return int((z[inside] <= buffer[v[inside], u[inside]] + 1e-3).sum())


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Best of many runs after two that warm up, in seconds, and the result."""
    result = work()
    result = work()
    best, spent = np.inf, 0.0
    while spent < 2.0:
        start = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - start
        best, spent = min(best, seconds), spent + seconds
    return float(best), result


def print_memory(points: NDArray[np.float32], ids: NDArray[np.int64], engines: list[str]) -> None:
    """Peak memory while the number of cameras grows."""
    print("peak memory, MB, while one call has 25, 100 and 400 cameras (it must not grow):")
    for engine in engines:
        peaks = []
        for n_cameras in (25, 100, 400):
            poses = make_cameras(n_cameras)
            if engine == "triton":
                torch.cuda.reset_peak_memory_stats()
            score(points, ids, poses, engine)
            kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            peak = torch.cuda.max_memory_allocated() if engine == "triton" else kb * 1024
            peaks.append(peak / 1e6)
        where = "GPU, buffers of at most 268 MB at a time" if engine == "triton" else "process"
        print(f"  {engine:<10}{'  '.join(f'{peak:8.0f}' for peak in peaks)}   ({where})")


def available_engines() -> list[str]:
    """Engines that run here."""
    has_cuda = torch.cuda.is_available() and importlib.util.find_spec("triton") is not None
    return ["numpy", "numba", *(["triton"] if has_cuda else [])]


def describe_hardware() -> str:
    """The GPU where there is one."""
    return f"one {torch.cuda.get_device_name()}" if torch.cuda.is_available() else "no GPU"


def make_room(n_points: int, n_objects: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points on the walls (-1) and on boxes of equal surface, as a scan would store them."""
    rng = np.random.default_rng(0)
    n_walls = n_points // 3
    sizes = rng.uniform([0.3, 0.3, 0.3], [1.2, 1.0, 1.6], (n_objects, 3))
    floor = rng.uniform([0.8, 0.8], ROOM_M[:2] - 0.8, (n_objects, 2))
    boxes = np.concatenate([floor, sizes[:, 2:] / 2, sizes], axis=1)
    ids = np.sort(np.arange(n_points - n_walls) % n_objects)
    room = np.concatenate([ROOM_M / 2, ROOM_M])[None]
    walls = on_box(np.repeat(corners_from_aabb(room), n_walls, axis=0), rng)
    objects = on_box(corners_from_aabb(boxes)[ids], rng)
    points = np.concatenate([walls, objects]).astype(np.float32)
    all_ids = np.concatenate([np.full(n_walls, -1), ids])
    order = rng.permutation(len(points))
    return points[order], all_ids[order]


def on_box(corners: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """One random point on the surface of each box (N, 8, 3)."""
    share = rng.random((len(corners), 3))
    side = rng.integers(0, 3, len(corners))
    share[np.arange(len(corners)), side] = rng.integers(0, 2, len(corners))
    low, high = corners[:, 0], corners[:, 7]
    return low + share * (high - low)


def make_cameras(n_cameras: int) -> NDArray[np.float64]:
    """Held at eye height, looking around and a little down."""
    rng = np.random.default_rng(1)
    poses = np.tile(np.eye(4), (n_cameras, 1, 1))
    yaw, pitch = rng.uniform(0, 2 * np.pi, n_cameras), rng.uniform(0.1, 0.7, n_cameras)
    forward = np.stack(
        [np.cos(yaw) * np.cos(pitch), np.sin(yaw) * np.cos(pitch), -np.sin(pitch)], axis=1
    )
    right = np.stack([np.sin(yaw), -np.cos(yaw), np.zeros(n_cameras)], axis=1)
    poses[:, :3, :3] = np.stack([right, np.cross(forward, right), forward], axis=2)
    poses[:, :3, 3] = rng.uniform([0.5, 0.5, 1.3], [6.5, 4.5, 1.8], (n_cameras, 3))
    return poses


if __name__ == "__main__":
    main()
