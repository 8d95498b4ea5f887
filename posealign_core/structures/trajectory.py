"""The cameras that recorded a scan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import ShapeError
from posealign_core.geometry.frames import Frame, RigidTransform
from posealign_core.structures.arrays import frozen_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from posealign_core.geometry.intrinsics import Intrinsics

__all__ = ["CameraTrajectory"]


@dataclass(frozen=True, kw_only=True, eq=False)
class CameraTrajectory:
    """Frames of one scan in recording order; matrices may still be invalid (lost tracking).

    Attributes:
        scene_id: The scan.
        frame_ids: V names, in recording order: `"0"`, `"25"`, ...
        world_from_camera: (V, 4, 4) float64, camera axes RDF, world = raw scan frame. Rows with
            NaN, Inf or a non-rigid matrix are kept here and rejected by `recover`.
        intrinsics: V cameras (the same object repeated where a scan has one).
    """

    scene_id: str
    frame_ids: tuple[str, ...]
    world_from_camera: NDArray[np.float64]
    intrinsics: tuple[Intrinsics, ...]

    def __post_init__(self) -> None:
        v = len(self.frame_ids)
        poses = frozen_array(
            f"poses of scene {self.scene_id!r}", self.world_from_camera, (v, 4, 4), np.float64
        )
        object.__setattr__(self, "world_from_camera", poses)
        if len(self.intrinsics) != v:
            raise ShapeError(
                f"intrinsics of scene {self.scene_id!r}: wanted one per frame ({v}), "
                f"found {len(self.intrinsics)}"
            )

    def __len__(self) -> int:
        return len(self.frame_ids)

    def pose(self, index: int) -> RigidTransform:
        """World-from-camera of one frame.

        Raises:
            ShapeError: The frame's matrix is not rigid.
        """
        return RigidTransform(self.world_from_camera[index], Frame.WORLD, Frame.CAMERA)

    def subset(self, indices: Sequence[int]) -> CameraTrajectory:
        """The trajectory with only these frames, in this order."""
        return replace(
            self,
            frame_ids=tuple(self.frame_ids[i] for i in indices),
            world_from_camera=self.world_from_camera[list(indices)].reshape(-1, 4, 4),
            intrinsics=tuple(self.intrinsics[i] for i in indices),
        )
