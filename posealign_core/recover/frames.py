"""Which recorded frames may stand in for the asker: valid poses, thinned out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry.frames import are_rigid
from posealign_core.structures import FrameCounts

if TYPE_CHECKING:
    from posealign_core.structures import CameraTrajectory

__all__ = ["keep_frames", "usable_frames"]


def usable_frames(trajectory: CameraTrajectory) -> list[int]:
    """Rows of the trajectory with a finite rigid pose, ordered by frame number as published.

    Frames whose names are not all numbers stay in recording order.
    """
    rows = [int(row) for row in np.flatnonzero(are_rigid(trajectory.world_from_camera))]
    names = trajectory.frame_ids
    if all(names[row].isdecimal() for row in rows):
        rows.sort(key=lambda row: int(names[row]))
    return rows


def keep_frames(trajectory: CameraTrajectory, every: int) -> tuple[CameraTrajectory, FrameCounts]:
    """Reject invalid frames, then keep every so many-th of the rest, starting with the first.

    Rejecting first is the published order (3d_llava spec 8.6): which frames are kept depends on how
    many were rejected, so a table stores their names.

    Args:
        trajectory: All recorded frames.
        every: Keep one of this many usable frames.
    """
    usable = usable_frames(trajectory)
    kept = trajectory.subset(usable[::every])
    counts = FrameCounts(
        recorded=len(trajectory),
        rejected=len(trajectory) - len(usable),
        every=every,
        kept=len(kept),
    )
    return kept, counts
