"""Boxes of objects where the detector sees them, and boxes in words (sections 5.3 and 9.3)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from posealign_core.geometry import aabb_from_corners, aabb_of_points
from posealign_core.structures.regions import points_of_objects
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample, Scene
    from posealign_ll3da.config import ScanConfig
    from posealign_ll3da.encode.clouds import PlacedCloud
    from posealign_ll3da.encode.placement import Placement

__all__ = ["BoxGrid", "BoxRule", "ObjectBoxes", "box_rule", "object_boxes"]

BoxRule = Literal["tight", "enclose", "none"]

N_STEPS = 255
_LEAST_EXTENT_M = 1e-3
_BOX = re.compile(r"< ?obj ?>(.*?)< ?/ ?obj ?>")


class ObjectBoxes(NamedTuple):
    """Axis-aligned boxes of some objects.

    Attributes:
        object_ids: (K,) int64, ascending; objects without points and box are missing.
        boxes: (K, 6) float64 `[centre, size]`, metres.
    """

    object_ids: NDArray[np.int64]
    boxes: NDArray[np.float64]

    def of(self, object_ids: Iterable[int]) -> NDArray[np.float64]:
        """(K', 6) boxes of those objects that are here."""
        found: NDArray[np.float64] = self.boxes[np.isin(self.object_ids, list(object_ids))]
        return found


def object_boxes(
    sample: AlignedSample,
    placement: Placement,
    rule: BoxRule,
    wanted: Collection[int] | None = None,
) -> ObjectBoxes:
    """Find the boxes of objects of a scene, placed.

    Args:
        sample: Its scene is in INPUT.
        placement: From INPUT.
        rule: Around the moved points, around the moved boxes, or none; where a scan has only one
            of points and boxes, around these.
        wanted: Ids of the objects; all of the scene by default.
    """
    scene = sample.scene
    ids = [] if scene.objects is None or rule == "none" else scene.objects.object_ids.tolist()
    rules = (_around_points, _around_box) if rule == "tight" else (_around_box, _around_points)
    found: dict[int, NDArray[np.float64]] = {}
    for object_id in ids:
        if wanted is None or object_id in wanted:
            tried = (around(scene, object_id, placement) for around in rules)
            box = next((box for box in tried if box is not None), None)
            if box is not None:
                found[object_id] = box
    return ObjectBoxes(
        np.array(list(found), dtype=np.int64), np.array(list(found.values())).reshape(-1, 6)
    )


def _around_box(scene: Scene, object_id: int, placement: Placement) -> NDArray[np.float64] | None:
    objects = scene.objects
    row = None if objects is None else objects.index_of(object_id)
    if objects is None or objects.corners is None or row is None:
        return None
    box: NDArray[np.float64] = aabb_from_corners(placement.points(objects.corners[row]))[0]
    return box


def _around_points(
    scene: Scene, object_id: int, placement: Placement
) -> NDArray[np.float64] | None:
    points = scene.points[points_of_objects(scene, [object_id])]
    return aabb_of_points(placement.points(points)) if len(points) else None


def box_rule(sample: AlignedSample, config: ScanConfig) -> BoxRule:
    """The rule that a sample's boxes follow.

    Where walls stay on the axes, boxes around moved boxes are exact; an ego frame has those that
    the configuration says.
    """
    return config.ego_boxes if AlignMode.TRANSFORM in sample.settings.modes else "enclose"


class BoxGrid(NamedTuple):
    """Boxes as six whole numbers each, in steps of the cloud's extent.

    Attributes:
        low: (3,) least coordinates of the cloud, metres.
        extent: (3,) its size, metres.
    """

    low: NDArray[np.float64]
    extent: NDArray[np.float64]

    @classmethod
    def of(cls, cloud: PlacedCloud) -> BoxGrid:
        """The grid of a cloud; one without extent gets a millimetre."""
        return cls(cloud.low, np.maximum(cloud.high - cloud.low, _LEAST_EXTENT_M))

    def write(self, boxes: NDArray[np.float64]) -> str:
        """Boxes (K, 6) in words; what lies outside the cloud leaves 0 to 255."""
        shifted = np.concatenate([boxes[:, :3] - self.low, boxes[:, 3:]], axis=1)
        # Towards zero, but not for the last bits of what is meant to be a whole number.
        steps = np.trunc(np.round(N_STEPS * shifted / np.tile(self.extent, 2), 6)).astype(np.int64)
        return " ".join(f"<obj>{', '.join(map(str, row))}</obj>" for row in steps.tolist())

    def read(self, text: str) -> NDArray[np.float64]:
        """(M, 6) the boxes that a text states; what is no box of six numbers is passed over."""
        rows = [_six_numbers(match) for match in _BOX.findall(text)]
        values = np.array([row for row in rows if row is not None]).reshape(-1, 6) / N_STEPS
        scaled: NDArray[np.float64] = values * np.tile(self.extent, 2)
        scaled[:, :3] += self.low
        return scaled


def _six_numbers(text: str) -> list[float] | None:
    try:
        numbers = [float(part) for part in text.replace(" ", "").split(",")]
    except ValueError:
        return None
    return numbers if len(numbers) == 6 and np.isfinite(numbers).all() else None
