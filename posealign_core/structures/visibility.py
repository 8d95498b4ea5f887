"""How much of each object each kept camera of a scan sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import ShapeError
from posealign_core.structures.arrays import frozen_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures.trajectory import CameraTrajectory

__all__ = ["FrameCounts", "VisibilityTable"]


@dataclass(frozen=True, kw_only=True)
class FrameCounts:
    """What became of a scan's recorded frames.

    Attributes:
        recorded: Frames in the trajectory.
        rejected: Frames whose pose is NaN, Inf or not rigid.
        every: One of this many usable frames was kept.
        kept: Frames in the table.
    """

    recorded: int
    rejected: int
    every: int
    kept: int


@dataclass(frozen=True, kw_only=True, eq=False)
class VisibilityTable:
    """The output of PoseRecover for one scan.

    Attributes:
        trajectory: The V kept frames; all their poses are valid.
        object_ids: (K,) int64 ascending; -1 is a column where the scan has unlabelled points and
            the rule keeps it. A column's index is the rank of its id, not the id.
        scores: (V, K) float32 in [0, 1].
        rule: `"surface"`, `"released"`, `"box"` or `"center"`.
        image_scale: Factor that the image was resized by for the Z-buffer.
        depth_tolerance_m: Slack behind the Z-buffer, metres; NaN where the rule sets it per pixel.
        counts: What became of the recorded frames.
        digest: Hash of every input and setting that the scores depend on.
    """

    trajectory: CameraTrajectory
    object_ids: NDArray[np.int64]
    scores: NDArray[np.float32]
    rule: str
    image_scale: float
    depth_tolerance_m: float
    counts: FrameCounts
    digest: str

    def __post_init__(self) -> None:
        where = f"of scene {self.scene_id!r}"
        ids = frozen_array(f"object ids {where}", self.object_ids, (None,), np.int64)
        object.__setattr__(self, "object_ids", ids)
        scores = frozen_array(
            f"scores {where}", self.scores, (len(self.trajectory), len(ids)), np.float32
        )
        if scores.size and not (np.isfinite(scores).all() and scores.min() >= 0):
            raise ShapeError(f"scores {where}: wanted finite values of at least 0")
        object.__setattr__(self, "scores", scores)

    @property
    def scene_id(self) -> str:
        """The scan."""
        return self.trajectory.scene_id

    def column(self, object_id: int) -> NDArray[np.float32] | None:
        """(V,) scores of one object, or None when the scan has no such object."""
        rows = np.flatnonzero(self.object_ids == object_id)
        return self.scores[:, int(rows[0])] if len(rows) else None
