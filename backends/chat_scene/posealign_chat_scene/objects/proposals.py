"""The objects that a scene is seen as: its own, or those that a detector proposed (2.1, 2.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.datasets.proposals import read_attributes
from posealign_core.errors import DataError, SceneNotFoundError
from posealign_core.geometry import (
    aabb_from_corners,
    corners_from_aabb,
    move_corners,
)
from posealign_core.structures.regions import points_in_box, points_of_objects

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.datasets.proposals import SceneAttributes
    from posealign_core.geometry import RigidTransform
    from posealign_core.structures import AlignedSample, Scene

__all__ = ["Proposals", "attributes_of", "detected", "members_of", "own_objects"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Proposals:
    """The n objects of a scene, in INPUT.

    Attributes:
        keys: n ids under which feature tables know them.
        object_ids: (n,) int64 ids in the scene's own table; empty for detected objects.
        centers: (n, 3) float64 metres.
        corners: (n, 8, 3) float64 metres, or None where only centres are known.
        placed: (n,) bool, false for an object without extent, whose place means nothing.
        aligned_from_input: Where boxes lie along the axes.
    """

    keys: tuple[int, ...]
    object_ids: NDArray[np.int64]
    centers: NDArray[np.float64]
    corners: NDArray[np.float64] | None
    placed: NDArray[np.bool_]
    aligned_from_input: RigidTransform

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def are_detected(self) -> bool:
        """Whether a detector proposed them, so that they have no ids of the scene."""
        return len(self.object_ids) < len(self)

    @property
    def boxes(self) -> NDArray[np.float64]:
        """(n, 6) `[centre, size]` in the axis-aligned frame; no pose changes them.

        Raises:
            DataError: Only centres are known.
        """
        if self.corners is None:
            raise DataError("objects: wanted boxes to compare, found centres alone")
        return aabb_from_corners(move_corners(self.aligned_from_input, self.corners))

    def first(self, n: int, needed: Collection[int] = ()) -> Proposals:
        """At most n of them: those at `needed` rows, then the others in their order."""
        if len(self) <= n:
            return self
        wanted = [*sorted(needed), *(i for i in range(len(self)) if i not in needed)]
        rows = np.array(sorted(wanted[:n]))
        return Proposals(
            keys=tuple(self.keys[i] for i in rows),
            object_ids=self.object_ids if self.are_detected else self.object_ids[rows],
            centers=self.centers[rows],
            corners=None if self.corners is None else self.corners[rows],
            placed=self.placed[rows],
            aligned_from_input=self.aligned_from_input,
        )


def own_objects(sample: AlignedSample) -> Proposals:
    """The objects of the scene's own table, by ascending id."""
    objects = sample.scene.objects
    if objects is None:
        return _checked(sample, (), np.zeros(0, np.int64), np.zeros((0, 3)), None)
    ids = objects.object_ids
    return _checked(sample, tuple(ids.tolist()), ids, objects.centers, objects.corners)


def detected(sample: AlignedSample, files: Sequence[Path]) -> Proposals:
    """The objects that attribute files list for the scene, carried into INPUT.

    Args:
        sample: The scene, where it is now.
        files: Attribute files of the published layout.

    Raises:
        SceneNotFoundError: None of them lists the scan.
        DataError: A file is damaged, or a box is not finite.
    """
    found = attributes_of(sample.scene.scene_id, files)
    n = len(found.boxes)
    input_from_aligned = sample.input_from_world @ sample.scene.aligned_from_world.inverse()
    boxes = found.boxes.astype(np.float64)
    corners = move_corners(input_from_aligned, corners_from_aabb(boxes))
    keys = tuple(range(n)) if found.object_ids is None else found.object_ids[:n]
    empty = np.zeros(0, np.int64)
    return _checked(sample, keys, empty, input_from_aligned.apply(boxes[:, :3]), corners)


def members_of(scene: Scene, proposals: Proposals) -> list[NDArray[np.int64]]:
    """Point indices of each object; of a detected one, those in its box."""
    if not proposals.are_detected:
        if scene.instance_ids is None:
            return [np.flatnonzero(points_of_objects(scene, [i])) for i in proposals.object_ids]
        order = scene.instance_ids.argsort(kind="stable")
        ids = scene.instance_ids[order]
        first = ids.searchsorted(proposals.object_ids, side="left")
        behind = ids.searchsorted(proposals.object_ids, side="right")
        return [order[i:j] for i, j in zip(first, behind, strict=True)]
    boxes = () if proposals.corners is None else proposals.corners
    return [np.flatnonzero(points_in_box(scene.points, corners)) for corners in boxes]


def attributes_of(scene_id: str, files: Sequence[Path]) -> SceneAttributes:
    """What attribute files say of a scan.

    Raises:
        SceneNotFoundError: None of them lists it.
        DataError: A file is missing or damaged.
    """
    for path in files:
        found = _read(path).get(scene_id)
        if found is not None:
            return found
    raise SceneNotFoundError(
        f"scan {scene_id!r}: wanted its objects in {', '.join(map(str, files))}, found none; make "
        "them with 'posealign chat-scene attributes'"
    )


@lru_cache(maxsize=8)
def _read(path: Path) -> dict[str, SceneAttributes]:
    return read_attributes(path)


def _checked(
    sample: AlignedSample,
    keys: tuple[int, ...],
    object_ids: NDArray[np.int64],
    centers: NDArray[np.float64],
    corners: NDArray[np.float64] | None,
) -> Proposals:
    bad = ~np.isfinite(centers).all(axis=1)
    if corners is not None:
        bad |= ~np.isfinite(corners).all(axis=(1, 2))
    if bad.any():
        raise DataError(
            f"scene {sample.scene.scene_id!r}: wanted finite places of its objects, found others "
            f"for {[keys[i] for i in np.flatnonzero(bad)]}; make its attributes again"
        )
    extents = np.ones(len(keys)) if corners is None else np.ptp(corners, axis=1).max(axis=1)
    is_nowhere = (extents == 0) & (len(object_ids) < len(keys))
    return Proposals(
        keys=keys,
        object_ids=object_ids,
        centers=centers,
        corners=corners,
        placed=~is_nowhere,
        aligned_from_input=sample.scene.aligned_from_world @ sample.input_from_world.inverse(),
    )
