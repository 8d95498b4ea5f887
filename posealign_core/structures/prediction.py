"""What a backbone answered, in world coordinates."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.structures.arrays import frozen_array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from posealign_core.structures.masks import RunLengthMask
    from posealign_core.structures.pose import EgoPose

__all__ = ["Prediction"]


def _no_boxes() -> NDArray[np.float64]:
    return np.zeros((0, 8, 3))


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """The answer to one query.

    Attributes:
        query_id: The query.
        benchmark: Its benchmark.
        scene_id: Its scan.
        text: Decoded answer or caption.
        alternatives: Further answers that were ranked below it, next best first.
        corners: (M, 8, 3) float64 box corners in WORLD, metres.
        masks: M' masks over the scene's points.
        object_ids: Chosen objects of the scene, for selection and for object-centric backbones.
        confidences: One per box, mask or object, or empty.
        missing_inputs: How much of what the model reads was not there, by name.
        pose: The ego pose used, in WORLD, or None; stored so that a result can be audited.
    """

    query_id: str
    benchmark: str
    scene_id: str
    text: str
    alternatives: tuple[str, ...] = ()
    corners: NDArray[np.float64] = field(default_factory=_no_boxes)
    masks: tuple[RunLengthMask, ...] = ()
    object_ids: tuple[int, ...] = ()
    confidences: tuple[float, ...] = ()
    missing_inputs: Mapping[str, int] = field(default_factory=dict)
    pose: EgoPose | None = None

    def __post_init__(self) -> None:
        corners = frozen_array(
            f"boxes of prediction {self.query_id!r}", self.corners, (None, 8, 3), np.float64
        )
        object.__setattr__(self, "corners", corners)
