"""Small data files in the real formats."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from plyfile import PlyData, PlyElement

from posealign_core.datasets.sens import write_sens
from posealign_core.datasets.sens_format import ColorCompression, DepthCompression, SensHeader
from posealign_core.geometry import Intrinsics

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CAMERA = Intrinsics(100.0, 101.0, 7.5, 5.5, 16, 12)
DEPTH_CAMERA = Intrinsics(50.0, 50.5, 3.5, 2.5, 8, 6)

CUBE = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=float)
CUBE_FACES = np.array(
    [
        *([0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4]),
        *([2, 6, 7], [2, 7, 3], [0, 4, 6], [0, 6, 2], [1, 3, 7], [1, 7, 5]),
    ]
)
"""Triangles of the cube, counter-clockwise seen from outside."""

COS45 = math.sqrt(0.5)
ALIGNMENT = np.array(
    [[COS45, -COS45, 0, 1.0], [COS45, COS45, 0, 2.0], [0, 0, 1, 0.5], [0, 0, 0, 1]]
)
"""A turn by 45 degrees about z, and a shift."""


def write_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_ply(
    path: Path,
    points: NDArray[np.float64],
    faces: NDArray[np.int64] | None = None,
    *,
    text: bool = False,
    face_list: str = "vertex_indices",
) -> Path:
    """A mesh as ScanNet writes it: float coordinates, uchar colours with alpha, int face lists."""
    fields = [*((name, "f4") for name in "xyz")]
    fields += [(name, "u1") for name in ("red", "green", "blue", "alpha")]
    vertices = np.zeros(len(points), dtype=fields)
    for axis, name in enumerate("xyz"):
        vertices[name] = points[:, axis]
    vertices["red"], vertices["green"], vertices["blue"] = np.arange(len(points)), 20, 30
    elements = [PlyElement.describe(vertices, "vertex")]
    if faces is not None:
        rows = np.empty(len(faces), dtype=[(face_list, "i4", (3,))])
        rows[face_list] = faces
        elements.append(PlyElement.describe(rows, "face"))
    path.parent.mkdir(parents=True, exist_ok=True)
    PlyData(elements, text=text).write(str(path))
    return path


def write_scan(root: Path, scene_id: str = "scene0000_00", *, parent: str = "scans") -> Path:
    """A raw scan of two cubes: a chair (object 0) at the origin, a table (object 7) at x = 3.

    Segments are 10 and 11 (halves of the chair) and 20 (the table); the four last vertices, of
    segment 30, belong to no object.
    """
    folder = root / parent / scene_id
    points = np.concatenate([CUBE, CUBE + np.array([3, 0, 0]), CUBE[:4] + np.array([0, 5, 0])])
    faces = np.concatenate([CUBE_FACES, CUBE_FACES + 8])
    write_ply(folder / f"{scene_id}_vh_clean_2.ply", points, faces)
    segments = [10] * 4 + [11] * 4 + [20] * 8 + [30] * 4
    write_json(
        folder / f"{scene_id}_vh_clean_2.0.010000.segs.json",
        {"params": {"kThresh": "0.010000", "segMinVerts": "20"}, "segIndices": segments},
    )
    groups = [
        {"id": 0, "objectId": 0, "segments": [11, 10], "label": "office chair"},
        {"id": 7, "objectId": 7, "segments": [20], "label": "table"},
    ]
    write_json(folder / f"{scene_id}.aggregation.json", {"segGroups": groups})
    numbers = " ".join(f"{number:.6f}" for number in ALIGNMENT.ravel())
    (folder / f"{scene_id}.txt").write_text(
        f"appVersionId = 1\naxisAlignment = {numbers} \ncolorHeight = 12\ncolorWidth = 16\n"
        "fx_color = 100\nfy_color = 101\nmx_color = 7.5\nmy_color = 5.5\nsceneType = Office\n",
        encoding="utf-8",
    )
    return folder


def look_poses(n: int) -> NDArray[np.float64]:
    """`n` rigid poses, turned by 10 degrees each and moved along y."""
    poses = np.tile(np.eye(4), (n, 1, 1))
    for i, pose in enumerate(poses):
        angle = math.radians(10 * i)
        pose[:2, :2] = [
            [math.cos(angle), -math.sin(angle)],
            [math.sin(angle), math.cos(angle)],
        ]
        pose[1, 3] = 0.25 * i
    return poses


def write_pose_texts(folder: Path, poses: NDArray[np.float64], *, step: int = 1) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, pose in enumerate(poses):
        rows = "\n".join(" ".join(f"{number:f}" for number in row) for row in pose)
        (folder / f"{i * step}.txt").write_text(rows + "\n", encoding="utf-8")
    return folder


def sens_header(
    n_frames: int,
    color: ColorCompression = ColorCompression.PNG,
    depth: DepthCompression = DepthCompression.ZLIB,
) -> SensHeader:
    return SensHeader(
        sensor="StructureSensor",
        color=CAMERA,
        depth=DEPTH_CAMERA,
        color_compression=color,
        depth_compression=depth,
        depth_shift=1000.0,
        n_frames=n_frames,
    )


def sens_images(frame: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Images of a frame: colours that name the frame, depth in whole millimetres."""
    rng = np.random.default_rng(frame)
    color = rng.integers(0, 256, (CAMERA.height, CAMERA.width, 3), dtype=np.uint8)
    millimetres = rng.integers(0, 8000, (DEPTH_CAMERA.height, DEPTH_CAMERA.width))
    return color, (millimetres / 1000).astype(np.float32)


def write_stream(
    path: Path, poses: NDArray[np.float64], header: SensHeader | None = None
) -> SensHeader:
    header = sens_header(len(poses)) if header is None else header
    path.parent.mkdir(parents=True, exist_ok=True)
    write_sens(path, header, ((pose, *sens_images(i)) for i, pose in enumerate(poses)))
    return header
