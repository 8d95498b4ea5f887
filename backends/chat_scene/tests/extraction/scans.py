"""Scans written down by hand."""

from __future__ import annotations

import numpy as np

from posealign_chat_scene.extraction.objects import ScanObjects
from posealign_core.datasets.base import Dataset
from posealign_core.geometry import Frame, Intrinsics, RigidTransform
from posealign_core.structures import CameraTrajectory, ObjectTable, Scene

QUARTER_TURN = np.array([[0.0, -1, 0, 5], [1, 0, 0, -3], [0, 0, 1, 1], [0, 0, 0, 1]])
"""World x becomes aligned y; a shift, too."""


def scene_of(points, instance_ids=None, labels=(), aligned=None, colors="grey") -> Scene:
    """A scan; the labels are those of objects 0, 1, ..."""
    points = np.asarray(points, float).reshape(-1, 3)
    table = ObjectTable(
        object_ids=np.arange(len(labels)), labels=tuple(labels), centers=np.zeros((len(labels), 3))
    )
    return Scene(
        scene_id="scene0000_00",
        frame=Frame.WORLD,
        points=points,
        colors=np.full(points.shape, 128, np.uint8) if isinstance(colors, str) else colors,
        instance_ids=instance_ids,
        objects=table,
        aligned_from_world=RigidTransform(
            np.eye(4) if aligned is None else aligned, Frame.AXIS_ALIGNED, Frame.WORLD
        ),
    )


def objects_of(points, members, object_ids=None, aligned=None, colors="grey") -> ScanObjects:
    """Objects by their point indices."""
    return ScanObjects(
        scene=scene_of(points, aligned=aligned, colors=colors),
        object_ids=tuple(range(len(members)) if object_ids is None else object_ids),
        labels=tuple(f"thing {i}" for i in range(len(members))),
        members=tuple(np.asarray(m, np.int64) for m in members),
    )


class OneScan(Dataset):
    """A data set of one scan, and of the cameras given."""

    def __init__(self, scene: Scene, poses=None, camera=None, root=None) -> None:
        super().__init__(root)
        self._scene, self._poses, self._camera = scene, poses or {}, camera

    def scene_ids(self, split=None):
        return [self._scene.scene_id]

    def scene(self, scene_id):
        return self._scene

    def trajectory(self, scene_id):
        camera = self._camera or Intrinsics(500, 500, 320, 240, 640, 480)
        return CameraTrajectory(
            scene_id=scene_id,
            frame_ids=tuple(self._poses),
            world_from_camera=np.array(list(self._poses.values())).reshape(-1, 4, 4),
            intrinsics=(camera,) * len(self._poses),
        )
