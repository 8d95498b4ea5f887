"""Poses of a `.sens` stream: seeking past the images against reading every byte of them.

Both sides read the same generated stream in one run, and must give the same poses. The plain side
unpacks every image byte through Python structs, as the released extraction does.

    python benchmarks/extract_poses.py --frames 2500
"""

from __future__ import annotations

import argparse
import struct
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from posealign_core.datasets.pose_files import write_packed
from posealign_core.datasets.sens import SensStream
from posealign_core.datasets.sens_format import (
    FRAME_HEAD,
    ColorCompression,
    DepthCompression,
    SensHeader,
)
from posealign_core.geometry import SCANNET_CONSTANT, Intrinsics

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

T = TypeVar("T")

WANTED_RATIO = 100


def main() -> None:
    """Measure, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2500, help="a scan's usual number is 2500")
    parser.add_argument("--color-kb", type=int, default=100, help="size of a colour image")
    parser.add_argument("--depth-kb", type=int, default=80, help="size of a depth image")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.sens"
        write_stream(path, args.frames, args.color_kb * 1000, args.depth_kb * 1000)
        size = path.stat().st_size
        print(f"stream of {args.frames} frames, {size / 1e6:.0f} MB, in the page cache")
        plain_s, plain = timed(lambda: read_every_byte(path), repeats=1)
        seek_s, seek = timed(lambda: read_poses(path), repeats=5)
        packed_s, _ = timed(lambda: extract(path, Path(folder) / "scene.npz"), repeats=5)
    if not np.array_equal(plain, seek, equal_nan=True):
        raise SystemExit("the two sides read different poses")
    print(f"every byte through structs    {plain_s:9.3f} s")
    print(f"seeking past the images       {seek_s:9.4f} s   {plain_s / seek_s:7.0f}x")
    print(f"the same, and writing .npz    {packed_s:9.4f} s   {plain_s / packed_s:7.0f}x")
    if plain_s / packed_s < WANTED_RATIO:
        raise SystemExit(f"wanted at least {WANTED_RATIO}x")


def write_stream(path: Path, n_frames: int, color_size: int, depth_size: int) -> None:
    """A stream with poses that can be told apart, and random bytes for images."""
    rng = np.random.default_rng(0)
    header = SensHeader(
        sensor="benchmark",
        color=SCANNET_CONSTANT,
        depth=Intrinsics(577.9, 578.7, 319.5, 239.5, 640, 480),
        color_compression=ColorCompression.JPEG,
        depth_compression=DepthCompression.ZLIB,
        depth_shift=1000.0,
        n_frames=n_frames,
    )
    images = rng.bytes(color_size + depth_size)
    heads = np.zeros(n_frames, FRAME_HEAD)
    heads["world_from_camera"] = rng.normal(size=(n_frames, 4, 4))
    heads["world_from_camera"][::97] = -np.inf
    heads["color_size"], heads["depth_size"] = color_size, depth_size
    with path.open("wb") as stream:
        stream.write(header.to_bytes())
        for head in heads:
            stream.write(head.tobytes() + images)


def read_every_byte(path: Path) -> NDArray[np.float64]:
    """The plain rendition: field after field, image bytes one by one."""
    poses = []
    with path.open("rb") as stream:
        struct.unpack("I", stream.read(4))
        (length,) = struct.unpack("Q", stream.read(8))
        b"".join(struct.unpack("c" * length, stream.read(length)))
        for _ in range(4):
            struct.unpack("f" * 16, stream.read(64))
        struct.unpack("iiIIIIf", stream.read(28))
        (n_frames,) = struct.unpack("Q", stream.read(8))
        for _ in range(n_frames):
            pose = struct.unpack("f" * 16, stream.read(64))
            struct.unpack("QQ", stream.read(16))
            color_size, depth_size = struct.unpack("QQ", stream.read(16))
            b"".join(struct.unpack("c" * color_size, stream.read(color_size)))
            b"".join(struct.unpack("c" * depth_size, stream.read(depth_size)))
            poses.append(np.array(pose).reshape(4, 4))
    return np.stack(poses)


def read_poses(path: Path) -> NDArray[np.float64]:
    """Ours."""
    with SensStream(path) as stream:
        return stream.recording().world_from_camera


def extract(path: Path, out: Path) -> None:
    """Ours, with the file that it is for."""
    with SensStream(path) as stream:
        write_packed(out, stream.recording())


def timed(work: Callable[[], T], *, repeats: int) -> tuple[float, T]:
    """Shortest of several runs in seconds, and the result."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


if __name__ == "__main__":
    main()
