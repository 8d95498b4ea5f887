"""The real capture, written as a folder in the generic format."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(os.environ.get("POSEALIGN_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
CAPTURE = DATA / "aria_digital_twin" / "adt_pinhole.npz"
SCENE = "apartment"
MIN_POINTS = 20
"""Objects of which the cloud has fewer points are no part of the capture."""


def write_aria_folder(root: Path) -> Path:
    """Write the capture as one scene: Y up, a camera per view, masks and oriented boxes.

    Returns:
        The scene's folder.
    """
    folder = root / SCENE
    folder.mkdir(parents=True)
    with np.load(CAPTURE, allow_pickle=False) as capture:
        np.savez(folder / "points.npz", points=capture["coord"], instance_ids=capture["instance"])
        np.save(folder / "poses.npy", capture["poses"])
        cameras = [
            _camera(matrix, capture[f"depth{view}"].shape)
            for view, matrix in enumerate(capture["Ks"])
        ]
        seen = np.bincount(capture["instance"] + 1, minlength=len(capture["names"]) + 1)[1:]
        boxes = [
            _box(int(index), str(capture["categories"][index]), placed, extents)
            for index, placed, extents in zip(
                capture["box_idx"], capture["box_T"], capture["box_aabb"], strict=True
            )
            if seen[index] >= MIN_POINTS
        ]
    for name, value in (
        ("intrinsics.json", cameras),
        ("boxes.json", boxes),
        ("scene.json", {"up": [0, 1, 0]}),
    ):
        (folder / name).write_text(json.dumps(value))
    return folder


def _camera(matrix: np.ndarray, shape: tuple[int, ...]) -> dict[str, float]:
    return {
        "fx": matrix[0, 0],
        "fy": matrix[1, 1],
        "cx": matrix[0, 2],
        "cy": matrix[1, 2],
        "width": shape[1],
        "height": shape[0],
    }


def _box(
    index: int, category: str, world_from_object: np.ndarray, extents: np.ndarray
) -> dict[str, Any]:
    """Local extents are `xmin xmax ymin ymax zmin zmax`, about an origin that is not the centre."""
    low, high = extents[::2], extents[1::2]
    center = world_from_object[:3, :3] @ ((low + high) / 2) + world_from_object[:3, 3]
    return {
        "id": index,
        "label": category,
        "center": center.tolist(),
        "size": (high - low).tolist(),
        "rotation": world_from_object[:3, :3].tolist(),
    }
