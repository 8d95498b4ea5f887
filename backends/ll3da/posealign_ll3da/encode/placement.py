"""Where the scan lies when the detector sees it (specification sections 1.2 and 9.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from posealign_core.structures import AlignedSample

__all__ = ["MAX_TURN_RAD", "Placement", "on_walls", "place"]

MAX_TURN_RAD = np.pi / 36
FLIP_PROBABILITY = 0.5


class Placement(NamedTuple):
    """One orthogonal map for points, normals, boxes, clicks and the pose.

    Attributes:
        placed_from_input: (4, 4) float64; a mirror image where the recipe flips.
    """

    placed_from_input: NDArray[np.float64]

    def points(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points (..., 3) in INPUT, metres."""
        moved: NDArray[np.float64] = self.directions(points) + self.placed_from_input[:3, 3]
        return moved

    def directions(self, vectors: ArrayLike) -> NDArray[np.float64]:
        """Map free vectors (..., 3) in INPUT, normals for example."""
        turned: NDArray[np.float64] = (
            np.asarray(vectors, dtype=np.float64) @ self.placed_from_input[:3, :3].T
        )
        return turned

    def back(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map placed points (..., 3) to INPUT."""
        return Placement(np.linalg.inv(self.placed_from_input).astype(np.float64)).points(points)

    def camera(self, input_from_camera: NDArray[np.float64]) -> NDArray[np.float64]:
        """(4, 4) a pose after the map. No rigid pose follows a mirror; it stays where it was."""
        if np.linalg.det(self.placed_from_input[:3, :3]) < 0:
            return input_from_camera
        moved: NDArray[np.float64] = self.placed_from_input @ input_from_camera
        return moved


def place(
    sample: AlignedSample, *, flip: Fidelity, train: bool, rng: np.random.Generator
) -> Placement:
    """Take a sample through the recipe's steps, as far as its policy allows them.

    Walls onto the axes; in training, mirror images if `flip` is released, then a turn about z of at
    most five degrees.

    Args:
        sample: The sample.
        flip: See `CloudConfig.flip`.
        train: Whether to augment.
        rng: Drawn from in training only, as often whatever the policy says.
    """
    matrix = on_walls(sample).placed_from_input if sample.policy.axis_align else np.eye(4)
    if train:
        mirrored, angle = rng.random(2) < FLIP_PROBABILITY, rng.uniform(-MAX_TURN_RAD, MAX_TURN_RAD)
        if sample.policy.flip and flip is Fidelity.RELEASED:
            matrix = np.diag([*np.where(mirrored, -1.0, 1.0), 1.0, 1.0]) @ matrix
        if sample.policy.rotate:
            matrix = _about_z(angle) @ matrix
    return Placement(matrix)


def on_walls(sample: AlignedSample) -> Placement:
    """The placement in which walls lie along the axes, whatever frame the sample is in."""
    world_from_input = np.linalg.inv(sample.input_from_world.matrix)
    return Placement(sample.scene.aligned_from_world.matrix @ world_from_input)


def _about_z(angle_rad: float) -> NDArray[np.float64]:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float64)
