"""What it takes to describe a detected object: the frame of detection, and whom boxes belong to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posealign_core.geometry import aabb_from_corners, aabb_iou
from posealign_core.vocabulary import TaskKind
from posealign_ll3da.encode.boxes import object_boxes
from posealign_ll3da.encode.placement import on_walls
from posealign_ll3da.encode.visual_prompts import region_corners

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample
    from posealign_ll3da.encode.placement import Placement

__all__ = ["Sought", "sought_object"]


class Sought(NamedTuple):
    """The object that a dense caption is for, and all that detected boxes may belong to.

    Boxes are in the frame of the walls, where the detector was trained and scores are taken.

    Attributes:
        boxes: (G, 6) float64 `[centre, size]`, metres; the sought object's is the first.
        input_from_walls: (4, 4) from the frame of the walls to INPUT.
        placed_from_walls: (4, 4) to the frame of the cloud that is described.
    """

    boxes: NDArray[np.float64]
    input_from_walls: NDArray[np.float64]
    placed_from_walls: NDArray[np.float64]

    def best_of(self, boxes: NDArray[np.float64], kept: NDArray[np.bool_]) -> int | None:
        """The detected box that stands for the sought object (specification section 7.2).

        A box belongs to the object that it overlaps most; of those that belong to the sought one
        the best counts.

        Args:
            boxes: (Q, 6) `[centre, size]` in the frame of the walls.
            kept: (Q,) those that are no background and survive suppression.

        Returns:
            Its row, or None where the object was not found.
        """
        overlap = aabb_iou(boxes, self.boxes)
        mine = kept & (overlap.argmax(axis=1) == 0) & (overlap[:, 0] > 0)
        return int(np.where(mine, overlap[:, 0], -1.0).argmax()) if mine.any() else None


def sought_object(sample: AlignedSample, placement: Placement) -> Sought | None:
    """Describe what is sought by a captioning request, or None where its region has no box.

    Args:
        sample: The request.
        placement: Of the cloud that is described.
    """
    corners = region_corners(sample) if sample.query.kind is TaskKind.CAPTION else None
    if corners is None or sample.region is None:
        return None
    walls = on_walls(sample)
    input_from_walls = np.linalg.inv(walls.placed_from_input).astype(np.float64)
    others = object_boxes(sample, walls, "enclose")
    rest = others.boxes[others.object_ids != sample.region.object_id]
    return Sought(
        boxes=np.concatenate([aabb_from_corners(walls.points(corners)), rest]),
        input_from_walls=input_from_walls,
        placed_from_walls=placement.placed_from_input @ input_from_walls,
    )
