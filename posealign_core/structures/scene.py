"""A scene: its points, its objects, and the frame that both are in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.errors import FrameMismatchError, ShapeError
from posealign_core.geometry.boxes import move_corners
from posealign_core.geometry.frames import Frame, RigidTransform
from posealign_core.structures.arrays import frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["ObjectTable", "Scene"]

_LAST_MOVE = "_last_move"


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectTable:
    """What is known about each object, apart from its points.

    Attributes:
        object_ids: (K,) int64, distinct, ascending; the ids that queries refer to.
        labels: K category names.
        centers: (K, 3) float64 metres, in the scene's frame.
        corners: (K, 8, 3) float64 box corners in the scene's frame, or None where only centres are
            known. An axis-aligned box becomes an oriented one when the scene is moved.
        features: Named (K, D) arrays for object-centric backbones; they do not move.
    """

    object_ids: NDArray[np.int64]
    labels: tuple[str, ...]
    centers: NDArray[np.float64]
    corners: NDArray[np.float64] | None = None
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        k = len(self.labels)
        ids = frozen_array("object ids", self.object_ids, (k,), np.int64)
        if k > 1 and not (np.diff(ids) > 0).all():
            raise ShapeError(f"object ids: wanted distinct ascending ids, found {ids.tolist()}")
        object.__setattr__(self, "object_ids", ids)
        centers = frozen_array("object centers", self.centers, (k, 3), np.float64)
        object.__setattr__(self, "centers", centers)
        if self.corners is not None:
            corners = frozen_array("object corners", self.corners, (k, 8, 3), np.float64)
            object.__setattr__(self, "corners", corners)

    def __len__(self) -> int:
        return len(self.labels)

    def index_of(self, object_id: int) -> int | None:
        """Row of an object, or None when the table does not hold it."""
        rows = np.flatnonzero(self.object_ids == object_id)
        return int(rows[0]) if len(rows) else None

    def moved(self, target_from_source: RigidTransform) -> ObjectTable:
        """The same objects with centres and corners in another frame."""
        corners = None if self.corners is None else move_corners(target_from_source, self.corners)
        return replace(self, centers=target_from_source.apply(self.centers), corners=corners)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """One scan. Arrays are read-only; `moved` makes a scene in another frame.

    Attributes:
        scene_id: Name within its data set, `scene0000_00` for example.
        frame: Frame of every coordinate below.
        points: (N, 3) float64 metres.
        colors: (N, 3) uint8 red, green, blue, or None.
        normals: (N, 3) float64 unit vectors, or None.
        instance_ids: (N,) int64 object id of each point, -1 where it belongs to none; None where
            the scan has boxes or centres instead of masks.
        superpoint_ids: (N,) int64, or None.
        objects: What is known of the objects, or None.
        up: (3,) float64 unit vector against gravity, in `frame`.
        aligned_from_world: The data set's alignment of walls with axes; the identity where it has
            none.
    """

    scene_id: str
    frame: Frame
    points: NDArray[np.float64]
    colors: NDArray[np.uint8] | None = None
    normals: NDArray[np.float64] | None = None
    instance_ids: NDArray[np.int64] | None = None
    superpoint_ids: NDArray[np.int64] | None = None
    objects: ObjectTable | None = None
    up: NDArray[np.float64] = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))
    aligned_from_world: RigidTransform = field(
        default_factory=lambda: RigidTransform.identity(Frame.AXIS_ALIGNED, Frame.WORLD)
    )

    def __post_init__(self) -> None:
        where = f"of scene {self.scene_id!r}"
        points = frozen_array(f"points {where}", self.points, (None, 3), np.float64)
        object.__setattr__(self, "points", points)
        n = len(points)
        for name, shape, dtype in (
            ("colors", (n, 3), np.uint8),
            ("normals", (n, 3), np.float64),
            ("instance_ids", (n,), np.int64),
            ("superpoint_ids", (n,), np.int64),
        ):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, frozen_array(f"{name} {where}", value, shape, dtype))
        up = np.array(self.up, dtype=np.float64)
        if up.shape != (3,) or not np.isfinite(up).all() or np.linalg.norm(up) < 1e-9:
            raise ShapeError(f"up {where}: wanted a non-zero vector (3,), found {self.up!r}")
        object.__setattr__(
            self, "up", frozen_array(f"up {where}", up / np.linalg.norm(up), (3,), np.float64)
        )

    def __len__(self) -> int:
        return len(self.points)

    def moved(self, target_from_source: RigidTransform) -> Scene:
        """The scene in another frame: points, normals, objects and the up vector move together.

        The last result is kept: equal moves in a row give the same object, at no cost.

        Raises:
            FrameMismatchError: The transform does not start at this scene's frame.
        """
        if target_from_source.source is not self.frame:
            raise FrameMismatchError(
                f"scene {self.scene_id!r} is in {self.frame.value}, the transform starts at "
                f"{target_from_source.source.value}"
            )
        move = (target_from_source.target, target_from_source.matrix.tobytes())
        last = self.__dict__.get(_LAST_MOVE)
        if last is None or last[0] != move:
            last = (move, self._moved(target_from_source))
            object.__setattr__(self, _LAST_MOVE, last)
        moved: Scene = last[1]
        return moved

    def _moved(self, target_from_source: RigidTransform) -> Scene:
        return replace(
            self,
            frame=target_from_source.target,
            points=target_from_source.apply(self.points),
            normals=None
            if self.normals is None
            else target_from_source.apply_direction(self.normals),
            objects=None if self.objects is None else self.objects.moved(target_from_source),
            up=target_from_source.apply_direction(self.up),
        )

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone; what is kept of the last move stays in this process."""
        return {name: value for name, value in self.__dict__.items() if name != _LAST_MOVE}
