"""Small scans for the tests of recover, in memory and as a generic folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.geometry import Frame, Intrinsics
from posealign_core.structures import (
    CameraTrajectory,
    FrameCounts,
    Query,
    Scene,
    VisibilityTable,
)
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path

CAMERA = Intrinsics(fx=300.0, fy=300.0, cx=160.0, cy=120.0, width=320, height=240)


def look_at(position: Any, target: Any) -> np.ndarray:
    """World-from-camera (RDF) of a level camera, z up."""
    position, target = np.asarray(position, float), np.asarray(target, float)
    forward = (target - position) / np.linalg.norm(target - position)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = position
    return pose


def ring(n: int, radius: float = 3.0, height: float = 1.5) -> np.ndarray:
    """Cameras on a circle that look at the middle of the room."""
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    places = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    return np.stack([look_at([x, y, height], [0, 0, 0.8]) for x, y in places])


def panel(center: Any, along: Any, across: Any, spacing: float) -> np.ndarray:
    """Grid of points on a rectangle; `along` and `across` are half sides."""
    center, along, across = (np.asarray(v, float) for v in (center, along, across))
    n = [max(2, round(2 * np.linalg.norm(v) / spacing)) for v in (along, across)]
    a, b = np.meshgrid(np.linspace(-1, 1, n[0]), np.linspace(-1, 1, n[1]), indexing="ij")
    return center + a.reshape(-1, 1) * along + b.reshape(-1, 1) * across


def clutter(seed: int, n_points: int = 600, n_objects: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Random points in a room with random object ids, -1 among them."""
    rng = np.random.default_rng(seed)
    points = rng.uniform([-2.5, -2.5, 0], [2.5, 2.5, 2.5], (n_points, 3))
    return points, rng.integers(-1, n_objects, n_points)


def trajectory(poses: np.ndarray, scene_id: str = "room", names: Any = None) -> CameraTrajectory:
    """Frames named by number, one camera for all."""
    names = [str(i) for i in range(len(poses))] if names is None else names
    return CameraTrajectory(
        scene_id=scene_id,
        frame_ids=tuple(names),
        world_from_camera=poses,
        intrinsics=(CAMERA,) * len(poses),
    )


def scene(points: np.ndarray, ids: np.ndarray | None, scene_id: str = "room", **more: Any) -> Scene:
    """A scan in WORLD."""
    return Scene(scene_id=scene_id, frame=Frame.WORLD, points=points, instance_ids=ids, **more)


def table(scores: Any, object_ids: Any, **more: Any) -> VisibilityTable:
    """A table over a ring of cameras with the given scores."""
    scores = np.asarray(scores, dtype=np.float32)
    n = len(scores)
    kept = trajectory(ring(n)) if n else trajectory(np.zeros((0, 4, 4)))
    fields: dict[str, Any] = {
        "trajectory": kept,
        "object_ids": np.asarray(object_ids),
        "scores": scores.reshape(n, len(object_ids)),
        "rule": "surface",
        "image_scale": 0.1,
        "depth_tolerance_m": float("nan"),
        "counts": FrameCounts(recorded=n, rejected=0, every=1, kept=n),
        "digest": "d",
    }
    return VisibilityTable(**{**fields, **more})


def query(*targets: int, query_id: str = "q", **more: Any) -> Query:
    """A question about these objects."""
    fields: dict[str, Any] = {
        "benchmark": "b",
        "split": "val",
        "scene_id": "room",
        "kind": TaskKind.ANSWER,
        "text": "what is it?",
    }
    return Query(query_id=query_id, target_ids=targets, **{**fields, **more})


def write_folder(root: Path, scene_ids: list[str], *, n_points: int = 600) -> Path:
    """Scans in the generic format; each differs by its seed."""
    for seed, scene_id in enumerate(scene_ids):
        folder = root / scene_id
        folder.mkdir(parents=True)
        points, ids = clutter(seed, n_points)
        np.savez(folder / "points.npz", points=points, instance_ids=ids)
        np.save(folder / "poses.npy", ring(8))
        camera = {key: getattr(CAMERA, key) for key in ("fx", "fy", "cx", "cy", "width", "height")}
        (folder / "intrinsics.json").write_text(json.dumps(camera))
    return root
