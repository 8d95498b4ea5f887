"""3-D features of the objects of scans, as they stand, turned, or seen from a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from posealign_chat_scene.extraction.cloud_batches import encode_clouds
from posealign_chat_scene.extraction.object_clouds import MIN_POINTS, object_clouds
from posealign_chat_scene.extraction.objects import MAX_OBJECTS
from posealign_chat_scene.extraction.parts import ScanFeatures, ScanWork
from posealign_chat_scene.extraction.tables import PoseFeatures, feature_key
from posealign_core.align.ego_frame import ego_from_reference
from posealign_core.datasets.torch_files import save_torch
from posealign_core.errors import DataError
from posealign_core.structures import EgoPose
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from posealign_chat_scene.extraction.cloud_batches import Precision
    from posealign_chat_scene.extraction.object_clouds import ObjectCloud
    from posealign_chat_scene.extraction.objects import ObjectSource, ScanObjects
    from posealign_chat_scene.extraction.uni3d import Uni3D
    from posealign_core.vocabulary import EgoFrame

__all__ = ["CloudEncoder", "ego_rotation", "plain_work", "write_frames", "yaw_rotation", "yaw_work"]

K = TypeVar("K")


@dataclass(frozen=True, kw_only=True, eq=False)
class CloudEncoder:
    """A 3-D encoder and how it is run.

    Attributes:
        model: The encoder, on its device.
        batch_size: Objects at a time.
        precision: How matrices are multiplied.
    """

    model: Uni3D
    batch_size: int
    precision: Precision

    def clouds(self, objects: ScanObjects) -> list[ObjectCloud]:
        """The objects that are encoded."""
        least = self.model.config_of_sizes.group_size
        return list(object_clouds(objects, least=least, limit=MAX_OBJECTS))

    def __call__(self, clouds: Sequence[ObjectCloud]) -> Tensor:
        """Features (n, D) float32 of these clouds."""
        return encode_clouds(
            self.model, clouds, batch_size=self.batch_size, precision=self.precision
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Prepared:
    """A scan's clouds, and the ids of all its objects."""

    object_ids: tuple[int, ...]
    clouds: list[ObjectCloud]

    @property
    def skipped(self) -> dict[str, tuple[int, ...]]:
        encoded = {cloud.object_id for cloud in self.clouds}
        first, rest = self.object_ids[:MAX_OBJECTS], self.object_ids[MAX_OBJECTS:]
        small = tuple(i for i in first if i not in encoded)
        reasons = {f"fewer than {MIN_POINTS} points": small, f"beyond {MAX_OBJECTS} objects": rest}
        return {reason: ids for reason, ids in reasons.items() if ids}


def plain_work(source: ObjectSource, encoder: CloudEncoder) -> ScanWork[_Prepared]:
    """The published features: objects as they stand in AXIS_ALIGNED, (D,) float32."""
    return ScanWork(
        prepare=partial(_prepare, source, encoder), encode=partial(_encode_plain, encoder)
    )


def yaw_work(source: ObjectSource, encoder: CloudEncoder, n_bins: int) -> ScanWork[_Prepared]:
    """Objects turned by equal angles, (K, D) float16: see `tables.YawFeatures`."""
    return ScanWork(
        prepare=partial(_prepare, source, encoder), encode=partial(_encode_yaws, encoder, n_bins)
    )


def _prepare(source: ObjectSource, encoder: CloudEncoder, scene_id: str) -> _Prepared:
    objects = source.read(scene_id)
    return _Prepared(object_ids=objects.object_ids, clouds=encoder.clouds(objects))


def _encode_plain(encoder: CloudEncoder, scan: _Prepared) -> ScanFeatures:
    ids = [cloud.object_id for cloud in scan.clouds]
    vectors = _own(ids, encoder(scan.clouds))
    return ScanFeatures(vectors=vectors, skipped=scan.skipped, counts={})


def _encode_yaws(encoder: CloudEncoder, n_bins: int, scan: _Prepared) -> ScanFeatures:
    turned = [
        cloud.turned(yaw_rotation(-2 * math.pi * k / n_bins))
        for cloud in scan.clouds
        for k in range(n_bins)
    ]
    ids = [cloud.object_id for cloud in scan.clouds]
    rows = encoder(turned).view(len(ids), n_bins, -1).half()
    return ScanFeatures(vectors=_own(ids, rows), skipped=scan.skipped, counts={})


def _own(keys: Sequence[K], rows: Tensor) -> dict[K, Tensor]:
    """Rows by key, each with memory of its own: torch would save all rows with every one."""
    return {key: row.clone() for key, row in zip(keys, rows, strict=True)}


def yaw_rotation(angle_rad: float) -> NDArray[np.float64]:
    """Turn (3, 3) about +z, counter-clockwise seen from above."""
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def ego_rotation(
    objects: ScanObjects, source: ObjectSource, frame_id: str, ego_frame: EgoFrame
) -> NDArray[np.float64]:
    """Turn (3, 3) from AXIS_ALIGNED into the ego frame of a camera of the scan.

    Raises:
        DataError: The scan has no such frame, or its pose is not valid.
    """
    scene = objects.scene
    trajectory = source.dataset.trajectory(scene.scene_id)
    if frame_id not in trajectory.frame_ids:
        raise DataError(f"scan {scene.scene_id!r}: wanted a pose of frame {frame_id!r}, found none")
    row = trajectory.frame_ids.index(frame_id)
    pose = EgoPose(
        reference_from_camera=trajectory.pose(row),
        intrinsics=trajectory.intrinsics[row],
        source=PoseSource.RECOVERED,
        frame_id=frame_id,
    )
    ego_from_world = ego_from_reference(pose, scene.up, ego_frame)
    return (ego_from_world @ scene.aligned_from_world.inverse()).rotation


def write_frames(
    source: ObjectSource,
    encoder: CloudEncoder,
    scene_id: str,
    frame_ids: Sequence[str],
    *,
    out: Path,
    ego_frame: EgoFrame,
) -> int:
    """Write the features of a scan in the exact ego frame of each of these frames.

    Frames that are there are kept.

    Args:
        source: Where the objects come from.
        encoder: The encoder.
        scene_id: The scan.
        frame_ids: Its frames.
        out: Root of a `tables.PoseFeatures`.
        ego_frame: Which ego frame of the camera.

    Returns:
        Number of frames written.
    """
    tables = PoseFeatures(out, ego_frame)
    todo = [i for i in frame_ids if not tables.path(scene_id, i).is_file()]
    if not todo:
        return 0
    objects = source.read(scene_id)
    clouds = encoder.clouds(objects)
    keys = [feature_key(scene_id, cloud.object_id) for cloud in clouds]
    for frame_id in todo:
        rotation = ego_rotation(objects, source, frame_id, ego_frame)
        features = encoder([cloud.turned(rotation) for cloud in clouds])
        save_torch(tables.path(scene_id, frame_id), _own(keys, features))
    return len(todo)
