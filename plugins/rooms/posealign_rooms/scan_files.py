"""The raw ScanNet files of one scene (scannet_files spec, section 1), and its poses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.atomic import atomic_path, make_folder, write_text
from posealign_core.datasets.intrinsics_files import write_intrinsics
from posealign_core.datasets.pose_files import write_pose_text

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_rooms.mesh import RoomMesh
    from posealign_rooms.plan import RoomPlan

__all__ = ["write_poses", "write_scan"]

_VERTEX = np.dtype([("position", "<f4", 3), ("color", "u1", 4)])
_FACE = np.dtype([("n", "u1"), ("vertices", "<i4", 3)])


def write_scan(root: Path, plan: RoomPlan, mesh: RoomMesh) -> None:
    """Write mesh, over-segmentation, aggregation and info to `scans/<id>/`."""
    folder = root / "scans" / plan.scene_id
    _write_ply(folder / f"{plan.scene_id}_vh_clean_2.ply", mesh)
    segments = {
        "params": {"kThresh": "0.010000", "segMinVerts": "20"},
        "sceneId": plan.scene_id,
        "segIndices": mesh.segment_ids.tolist(),
    }
    write_text(
        folder / f"{plan.scene_id}_vh_clean_2.0.010000.segs.json",
        json.dumps(segments, separators=(",", ":")),
    )
    groups = [
        {
            "id": o.object_id,
            "objectId": o.object_id,
            "segments": np.unique(mesh.segment_ids[mesh.instance_ids == o.object_id]).tolist(),
            "label": o.kind,
        }
        for o in plan.layout.objects
    ]
    aggregation = {"sceneId": f"scannet.{plan.scene_id}", "segGroups": groups}
    write_text(folder / f"{plan.scene_id}.aggregation.json", json.dumps(aggregation, indent=1))
    write_text(folder / f"{plan.scene_id}.txt", _info(plan))


def write_poses(root: Path, plan: RoomPlan) -> None:
    """Write one text per frame to `poses/scans/<id>/pose/`, and the camera beside that folder."""
    folder = root / "poses" / "scans" / plan.scene_id
    make_folder(folder / "pose")
    for i, matrix in enumerate(plan.world_from_camera):
        write_pose_text(folder / "pose" / f"{i}.txt", matrix)
    write_intrinsics(folder / "intrinsics.json", plan.intrinsics)


def _info(plan: RoomPlan) -> str:
    alignment = plan.layout.aligned_from_world.matrix.ravel().tolist()
    k = plan.intrinsics
    values = {
        "axisAlignment": " ".join(f"{number:.6f}" for number in alignment),
        "colorHeight": k.height,
        "colorWidth": k.width,
        "depthHeight": k.height,
        "depthWidth": k.width,
        "fx_color": f"{k.fx:.6f}",
        "fx_depth": f"{k.fx:.6f}",
        "fy_color": f"{k.fy:.6f}",
        "fy_depth": f"{k.fy:.6f}",
        "mx_color": f"{k.cx:.6f}",
        "mx_depth": f"{k.cx:.6f}",
        "my_color": f"{k.cy:.6f}",
        "my_depth": f"{k.cy:.6f}",
        "numColorFrames": len(plan.world_from_camera),
        "numDepthFrames": len(plan.world_from_camera),
        "sceneType": "Rooms",
    }
    return "".join(f"{key} = {value}\n" for key, value in values.items())


def _write_ply(path: Path, mesh: RoomMesh) -> None:
    """Write a binary mesh in two blocks; libraries write its faces one by one."""
    vertices = np.zeros(len(mesh.vertices), _VERTEX)
    vertices["position"] = mesh.vertices
    vertices["color"][:, :3] = mesh.colors
    vertices["color"][:, 3] = 255
    faces = np.zeros(len(mesh.faces), _FACE)
    faces["n"] = 3
    faces["vertices"] = mesh.faces
    header = (
        "ply\nformat binary_little_endian 1.0\n"
        f"element vertex {len(vertices)}\n"
        + "".join(f"property float {axis}\n" for axis in "xyz")
        + "".join(f"property uchar {c}\n" for c in ("red", "green", "blue", "alpha"))
        + f"element face {len(faces)}\n"
        "property list uchar int vertex_indices\nend_header\n"
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(header.encode("ascii") + vertices.tobytes() + faces.tobytes())
