"""Seconds per scan of reading, computing and writing, over large rooms on disk.

python benchmarks/recover_stages.py --scans 20
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from posealign_core.datasets.scannet import ScanNet
from posealign_core.recover import (
    RecoverSettings,
    input_digest,
    recover_scene,
    save_table,
    table_path,
)
from posealign_core.recover.engines import choose_engine
from posealign_rooms.make import make_rooms, preset_of

STAGES = ("read", "digest", "compute", "write")


def main() -> None:
    """Make the rooms, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scans", type=int, default=20)
    parser.add_argument("--every", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2, help="processes that make the rooms")
    parser.add_argument("--rooms", type=Path, help="where the rooms are or go (default: removed)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = args.rooms or Path(folder) / "rooms"
        preset = replace(preset_of("large"), n_train=args.scans - 1, n_val=1)
        make_rooms(root, preset, 0, jobs=args.jobs)
        dataset = ScanNet(root)
        engines = dict.fromkeys(["numba", choose_engine("auto")])
        for rule in ("released", "surface"):
            for engine in engines:
                settings = RecoverSettings(rule=rule, every=args.every, engine=engine)
                measure(dataset, settings, Path(folder))


def measure(dataset: ScanNet, settings: RecoverSettings, out: Path) -> None:
    """Print the mean seconds of each stage, in this process, one scan after another."""
    scene_ids = dataset.scene_ids()
    first = scene_ids[0]
    recover_scene(dataset.scene(first), dataset.trajectory(first), settings)  # compile
    seconds, n_points, n_frames = [], [], []
    for scene_id in scene_ids:
        clock = [time.perf_counter()]
        scene, trajectory = dataset.scene(scene_id), dataset.trajectory(scene_id)
        clock.append(time.perf_counter())
        input_digest(scene, trajectory, settings)
        clock.append(time.perf_counter())
        table = recover_scene(scene, trajectory, settings)
        clock.append(time.perf_counter())
        save_table(table_path(out, scene_id), table)
        clock.append(time.perf_counter())
        seconds.append(np.diff(clock))
        n_points.append(len(scene))
        n_frames.append(len(table.trajectory))
    stages = "  ".join(
        f"{name} {mean:.4f}" for name, mean in zip(STAGES, np.mean(seconds, axis=0), strict=True)
    )
    print(
        f"{settings.rule:<9}{settings.engine:<7}{len(scene_ids)} scans of "
        f"{np.mean(n_points):.0f} points and {np.mean(n_frames):.0f} frames, s per scan: {stages}"
    )


if __name__ == "__main__":
    main()
