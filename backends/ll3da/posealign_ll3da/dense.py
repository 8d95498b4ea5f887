"""Which detected box a dense caption describes, and how it is prompted (sections 7.2 and 9.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from posealign_core.geometry import corners_from_aabb
from posealign_ll3da.encode.placement import Placement

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from posealign_ll3da.encode.detected import Sought
    from posealign_ll3da.scenes import Detected

__all__ = ["Described", "describe"]


class Described(NamedTuple):
    """The detected object that is described.

    Attributes:
        corners: (8, 3) float64 its box in INPUT; without volume where nothing was found.
        feature: (W,) its query's feature, where the cloud is the one of detection.
        click: (3,) its middle in the frame of the cloud, where that is another one.
    """

    corners: NDArray[np.float64]
    feature: Tensor | None = None
    click: Tensor | None = None

    @property
    def is_found(self) -> bool:
        """Whether there is anything to describe."""
        return self.feature is not None or self.click is not None


def describe(sought: Sought, detected: Detected, row: int) -> Described:
    """Find the proposal that stands for an object.

    Boxes and their choice are those of the frame of the walls in every mode, so that figures of
    dense captioning compare. In that frame the caption is prompted by the proposal itself, in an
    ego frame, where the proposal has no meaning, by a click at its middle.

    Args:
        sought: The object.
        detected: What was found, in the frame of the walls.
        row: Row of its scene there.
    """
    proposals = detected.proposals
    centers, sizes = proposals.centers[row].double(), proposals.sizes[row].double()
    boxes = torch.cat([centers, sizes], dim=1).cpu().numpy()
    best = sought.best_of(boxes, detected.kept[row].cpu().numpy())
    to_input = Placement(sought.input_from_walls)
    if best is None:
        middle = to_input.points(sought.boxes[0, :3])
        return Described(np.tile(middle, (8, 1)))
    corners = to_input.points(corners_from_aabb(boxes[best])[0])
    if np.allclose(sought.placed_from_walls, np.eye(4)):
        return Described(corners, feature=proposals.features[row, best])
    click = Placement(sought.placed_from_walls).points(boxes[best, :3])
    return Described(corners, click=torch.from_numpy(click).float())
