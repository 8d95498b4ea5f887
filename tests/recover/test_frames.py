"""Which recorded frames are kept, and in which order."""

from __future__ import annotations

import numpy as np
import pytest
from recover_scans import ring, trajectory

from posealign_core.recover import keep_frames, usable_frames


def spoilt(row: int, value: float) -> np.ndarray:
    poses = ring(6)
    poses[row, 1, 1] = value
    return poses


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 5.0])
def test_invalid_frames_are_rejected(value: float) -> None:
    assert usable_frames(trajectory(spoilt(2, value))) == [0, 1, 3, 4, 5]


def test_mirrored_and_singular_matrices_are_rejected() -> None:
    poses = ring(3)
    poses[0, :, 0] *= -1
    poses[1, :3, :3] = 0
    assert usable_frames(trajectory(poses)) == [2]


def test_order_is_by_number_not_by_text() -> None:
    recorded = trajectory(ring(4), names=["10", "9", "100", "0"])
    kept, _ = keep_frames(recorded, 1)
    assert kept.frame_ids == ("0", "9", "10", "100")
    np.testing.assert_array_equal(kept.world_from_camera[1], recorded.world_from_camera[1])


def test_frames_with_words_for_names_stay_in_recording_order() -> None:
    kept, _ = keep_frames(trajectory(ring(3), names=["left", "1", "back"]), 1)
    assert kept.frame_ids == ("left", "1", "back")


def test_every_counts_after_the_rejection() -> None:
    poses = ring(10)
    poses[0] = np.nan
    poses[3] = np.nan
    kept, counts = keep_frames(trajectory(poses), 3)
    assert kept.frame_ids == ("1", "5", "8")  # of 1, 2, 4, 5, 6, 7, 8, 9
    assert (counts.recorded, counts.rejected, counts.every, counts.kept) == (10, 2, 3, 3)


def test_no_usable_frame() -> None:
    kept, counts = keep_frames(trajectory(np.full((4, 4, 4), np.nan)), 25)
    assert len(kept) == 0
    assert (counts.rejected, counts.kept) == (4, 0)
