"""Colour and depth images of a scene: PNG files, and on wish a `.sens` stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from posealign_core.atomic import atomic_path, make_folder
from posealign_core.datasets.intrinsics_files import write_intrinsics
from posealign_core.datasets.sens import write_sens
from posealign_core.datasets.sens_format import ColorCompression, DepthCompression, SensHeader
from posealign_core.geometry import is_rigid
from posealign_rooms.render import image_intrinsics, render
from posealign_rooms.solids import solids_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_rooms.plan import RoomPlan
    from posealign_rooms.presets import Preset

__all__ = ["write_images", "write_stream"]


def write_images(root: Path, plan: RoomPlan, preset: Preset) -> None:
    """Render every k-th frame with a valid pose to `images/<id>/{color,depth}/<frame>.png`.

    Depth is uint16 millimetres, 0 where nothing is; `intrinsics.json` is the camera of both.
    """
    folder = root / "images" / plan.scene_id
    camera = image_intrinsics(plan.intrinsics, preset.image_scale)
    for name in ("color", "depth"):
        make_folder(folder / name)
    write_intrinsics(folder / "intrinsics.json", camera)
    solids = solids_of(plan.layout)
    for i in range(0, len(plan.world_from_camera), preset.image_every):
        if is_rigid(plan.world_from_camera[i]):
            color, depth = render(solids, plan.pose_in_room(i), camera)
            Image.fromarray(color).save(folder / "color" / f"{i}.png")
            Image.fromarray(depth).save(folder / "depth" / f"{i}.png")


def write_stream(root: Path, plan: RoomPlan, preset: Preset) -> None:
    """Write all frames to `scans/<id>/<id>.sens`; a frame without a pose is black."""
    camera = image_intrinsics(plan.intrinsics, preset.image_scale)
    header = SensHeader(
        sensor="rooms",
        color=camera,
        depth=camera,
        color_compression=ColorCompression.PNG,
        depth_compression=DepthCompression.ZLIB,
        depth_shift=1000.0,
        n_frames=len(plan.world_from_camera),
    )
    solids = solids_of(plan.layout)

    def frames() -> Iterator[tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.float32]]]:
        for i, pose in enumerate(plan.world_from_camera):
            color = np.zeros((camera.height, camera.width, 3), np.uint8)
            depth = np.zeros((camera.height, camera.width), np.uint16)
            if is_rigid(pose):
                color, depth = render(solids, plan.pose_in_room(i), camera)
            yield pose, color, (depth / 1000.0).astype(np.float32)

    with atomic_path(root / "scans" / plan.scene_id / f"{plan.scene_id}.sens") as temporary:
        write_sens(temporary, header, frames())
