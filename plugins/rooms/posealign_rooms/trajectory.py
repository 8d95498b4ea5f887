"""A hand-held camera's path: from one look to the next, never still, never quite upright."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_rooms.viewpoint import camera_matrix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Fixation", "camera_path", "lose_tracking"]

PITCH_RANGE_RAD = (math.radians(-34.0), math.radians(8.0))
JITTER_M = 0.02
JITTER_RAD = math.radians(0.8)
ROLL_RAD = math.radians(2.5)


@dataclass(frozen=True, slots=True)
class Fixation:
    """A moment at which the camera looks straight at something.

    Attributes:
        eye: Position of the camera, metres, z up.
        goal: The point that it looks at.
    """

    eye: tuple[float, float, float]
    goal: tuple[float, float, float]


def camera_path(
    fixations: Sequence[Fixation], n_frames: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], list[int]]:
    """Move from fixation to fixation, slowing down at each.

    Args:
        fixations: At least two, in the order of the walk.
        n_frames: How many frames, at least one per fixation.
        rng: Source of the tremor.

    Returns:
        (V, 4, 4) poses in the fixations' frame (camera axes RDF), and the frame index of each
        fixation.
    """
    eyes = np.array([f.eye for f in fixations])
    away = np.array([f.goal for f in fixations]) - eyes
    yaw = np.unwrap(np.arctan2(away[:, 1], away[:, 0]))
    pitch = np.arctan2(away[:, 2], np.hypot(away[:, 0], away[:, 1])).clip(*PITCH_RANGE_RAD)
    last = len(fixations) - 1
    time = np.linspace(0.0, last, n_frames)
    leg = np.minimum(time.astype(int), last - 1)
    s = time - leg
    eased = s * s * (3.0 - 2.0 * s)

    def between(values: NDArray[np.float64]) -> NDArray[np.float64]:
        weight = eased.reshape(-1, *[1] * (values.ndim - 1))
        mixed: NDArray[np.float64] = values[leg] * (1.0 - weight) + values[leg + 1] * weight
        return mixed

    tremor = np.stack([_tremor(n_frames, rng) for _ in range(6)], axis=1)
    poses = camera_matrix(
        between(eyes) + JITTER_M * tremor[:, :3],
        between(yaw) + JITTER_RAD * tremor[:, 3],
        between(pitch) + JITTER_RAD * tremor[:, 4],
        ROLL_RAD * tremor[:, 5],
    )
    return poses, [round(i * (n_frames - 1) / last) for i in range(len(fixations))]


def lose_tracking(
    poses: NDArray[np.float64], keep: Sequence[int], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Spoil a few poses as lost tracking does: one in fifty, at least two, as -inf or NaN.

    Args:
        poses: (V, 4, 4).
        keep: Frames that stay valid.
        rng: Chooses the frames.

    Returns:
        A copy with the spoiled rows.
    """
    spoiled: NDArray[np.float64] = poses.copy()
    free = np.setdiff1d(np.arange(len(poses)), np.asarray(keep))
    lost = rng.permutation(free)[: max(2, len(poses) // 50)]
    spoiled[lost] = -np.inf
    spoiled[lost[::3]] = np.nan
    return spoiled


def _tremor(n_frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """(V,) smooth noise of about unit size: a few slow waves."""
    time = np.arange(n_frames)[:, None]
    periods, phases = rng.uniform(15.0, 90.0, 4), rng.uniform(0.0, 2 * math.pi, 4)
    waves = np.sin(2 * math.pi * time / periods + phases).sum(axis=1)
    tremor: NDArray[np.float64] = waves / math.sqrt(2.0)
    return tremor
