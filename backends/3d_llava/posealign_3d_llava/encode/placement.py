"""Points and the pose that is in their frame, through the geometric steps (section 1.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import AugmentPolicy

__all__ = ["Placement", "bounds", "flipped", "stirred"]

SCALE_RANGE = (0.8, 1.2)
SHIFT_STD_M = 0.1
FLIP_PROBABILITY = 0.5


class Placement(NamedTuple):
    """Where things are.

    Attributes:
        points: (N, 3) metres; float32 or float64, which is the precision of every step.
        input_from_camera: (4, 4) float64, or None where no pose follows the points.
    """

    points: NDArray[np.floating]
    input_from_camera: NDArray[np.float64] | None

    def moved(
        self,
        *,
        linear: NDArray[np.float64] | None = None,
        scale: float = 1.0,
        shift: NDArray[np.floating] | None = None,
    ) -> Placement:
        """Map p to scale * linear p + shift; the camera keeps its view of the points.

        Scaling moves the camera's centre and leaves its axes of unit length: everything it sees is
        larger and farther by the same factor.
        """
        points, pose = self.points, self.input_from_camera
        if linear is not None:
            points = points @ linear.T
        if scale != 1.0:
            points = points * scale
        if shift is not None:
            points = points + shift
        if pose is not None:
            turn = np.eye(3) if linear is None else linear
            pose = pose.copy()
            pose[:3, :3] = turn @ pose[:3, :3]
            pose[:3, 3] = scale * (turn @ pose[:3, 3]) + (0.0 if shift is None else shift)
        return Placement(points, pose)

    def centered(self, *, z: bool) -> Placement:
        """Put the middle of the cloud's box at x = y = 0, and its lowest point at z = 0."""
        low, high = bounds(self.points)
        center = (low + high) / 2
        center[2] = low[2] if z else 0.0
        return self.moved(shift=-center)

    def aligned(self, matrix: NDArray[np.float64]) -> Placement:
        """Apply a rigid (4, 4) matrix."""
        return self.moved(linear=matrix[:3, :3], shift=matrix[:3, 3])


def bounds(points: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Lowest and highest coordinates (3,) of points (N, 3); numpy is slow along the long axis."""
    columns = [points[:, axis] for axis in range(3)]
    low = np.array([column.min() for column in columns])
    return low, np.array([column.max() for column in columns])


def flipped(placement: Placement, rng: np.random.Generator) -> Placement:
    """Mirror x, then y, each at random. No rigid pose follows a mirror; it stays where it was."""
    signs = np.where(rng.random(2) < FLIP_PROBABILITY, -1.0, 1.0)
    points = placement.points.copy()
    points[:, :2] *= signs
    return placement._replace(points=points)


def stirred(
    placement: Placement, max_turn_rad: float, policy: AugmentPolicy, rng: np.random.Generator
) -> Placement:
    """Turn about z, scale and shift at random, as far as the policy allows."""
    bound = max_turn_rad if policy.rotate else 0.0
    turn = rng.uniform(-bound, bound)
    scale = rng.uniform(*SCALE_RANGE)
    shift = rng.normal(scale=SHIFT_STD_M, size=3)
    c, s = np.cos(turn), np.sin(turn)
    return placement.moved(
        linear=np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) if bound else None,
        scale=scale if policy.scale else 1.0,
        shift=shift if policy.translate else None,
    )
