"""Draw `figures/superpoints.png`: one room of the embedded benchmark, segmented in both ways.

python docs/superpoints.py ROOMS SCENE
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

from posealign_core.datasets.meshes import read_ply
from posealign_core.datasets.superpoints import superpoints_of_mesh, superpoints_of_points

mpl.use("Agg")
from matplotlib import pyplot as plt

FIGURE = Path(__file__).parent / "figures" / "superpoints.png"


def main(rooms: Path, scene_id: str) -> None:
    """Write the figure."""
    mesh = read_ply(rooms / "scans" / scene_id / f"{scene_id}_vh_clean_2.ply")
    drawn = {
        "colours": mesh.colors / 255,
        "superpoints of the mesh": superpoints_of_mesh(mesh.points, mesh.faces),
        "superpoints of the points alone": superpoints_of_points(mesh.points),
    }
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained")
    view, depth = _from_above_and_aside(mesh.points)
    order = np.argsort(-depth)
    for axis, (name, values) in zip(axes, drawn.items(), strict=True):
        title, tints = name, values
        if values.ndim == 1:
            title = f"{values.max() + 1} {name}"
            hues = np.random.default_rng(1).permutation(values.max() + 1) / (values.max() + 1)
            tints = mpl.colormaps["hsv"](hues)[values]
        axis.scatter(*view[order].T, c=tints[order], s=2.5, linewidths=0)
        axis.set_title(title)
        axis.set_aspect("equal")
        axis.set_axis_off()
    figure.savefig(FIGURE, dpi=110)


def _from_above_and_aside(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Image coordinates (N, 2) and depth (N,) of an oblique parallel view."""
    turn, tilt = 0.5, 0.95
    x, y, z = (points - points.mean(axis=0)).T
    across, ahead = x * np.cos(turn) - y * np.sin(turn), x * np.sin(turn) + y * np.cos(turn)
    view = np.stack([across, ahead * np.sin(tilt) + z * np.cos(tilt)], axis=1)
    return view, ahead * np.cos(tilt) - z * np.sin(tilt)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
