"""One object as the 3-D encoder reads it (chat_scene spec 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.nn.point_ops import tie_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from posealign_chat_scene.extraction.objects import ScanObjects

__all__ = ["MIN_POINTS", "ObjectCloud", "object_clouds"]

MIN_POINTS = 10
"""Objects with fewer points are not encoded."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectCloud:
    """The points of one object, centred on their mean, in the unit sphere.

    Their order is that in which furthest point sampling prefers equals, so that clouds may be
    padded at the end without any sample changing.

    Attributes:
        object_id: The object.
        points: (N, 3) float32, no unit; what is left of the frame is its axes.
        colors: (N, 3) float32 red, green, blue in [0, 1].
    """

    object_id: int
    points: NDArray[np.float32]
    colors: NDArray[np.float32]

    @classmethod
    def build(
        cls,
        object_id: int,
        points: NDArray[np.float32],
        colors: NDArray[np.uint8],
        *,
        least: int,
    ) -> ObjectCloud:
        """Normalise an object; a small one is repeated until it has enough points.

        Args:
            object_id: The object.
            points: (N, 3) metres, N >= 1.
            colors: (N, 3).
            least: Least number of points: the group size of the encoder.
        """
        centered = points - points.mean(axis=0)
        radius = np.linalg.norm(centered, axis=1).max()
        unit = centered / radius if radius > 0 else centered
        copies = -(-least // len(points)) if len(points) < least else 1
        # Doubling, as published: 10 points become 80, not 70.
        copies = 1 << (copies - 1).bit_length()
        order = np.tile(np.arange(len(points)), copies)[tie_order(copies * len(points)).numpy()]
        return cls(
            object_id=object_id,
            points=unit[order].astype(np.float32),
            colors=(colors[order] / 255.0).astype(np.float32),
        )

    def turned(self, rotation: NDArray[np.float64]) -> ObjectCloud:
        """The object in a frame turned by a (3, 3) rotation."""
        return ObjectCloud(
            object_id=self.object_id,
            points=(self.points @ rotation.T).astype(np.float32),
            colors=self.colors,
        )


def object_clouds(objects: ScanObjects, *, least: int, limit: int) -> Iterator[ObjectCloud]:
    """The clouds of the first `limit` objects that have at least `MIN_POINTS` points.

    Args:
        objects: The objects of one scan.
        least: See `ObjectCloud.build`.
        limit: Objects beyond these are left out.
    """
    points, colors = objects.aligned_points, objects.colors
    pairs = zip(objects.object_ids[:limit], objects.members[:limit], strict=True)
    for object_id, members in pairs:
        if len(members) >= MIN_POINTS:
            yield ObjectCloud.build(object_id, points[members], colors[members], least=least)
