"""Noise on poses: how much a wrong pose costs (paper table 5), or as an augmentation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import ConfigError
from posealign_core.geometry.frames import RigidTransform
from posealign_core.geometry.rotation import rotation_about
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from posealign_core.structures import EgoPose

__all__ = ["PoseNoise"]


@dataclass(frozen=True, kw_only=True)
class PoseNoise:
    """Turns a camera about the up axis through itself, and shifts it.

    Correct: yaw uniform within +-`yaw_deg` about the scene's up axis, shift uniform within
    +-`shift_m` on each axis. As released (paper_results Q6, 3d_llava Q22): yaw likewise, but about
    the world's z axis whatever is up, and a shift of 2 `shift_m` (n - 0.5) on each axis with n
    standard normal, which has mean -`shift_m` and deviation 2 `shift_m`.

    Attributes:
        yaw_deg: Bound of the yaw, degrees, at least 0.
        shift_m: Bound of the shift, metres, at least 0.
        fidelity: Correct, or as released.

    Raises:
        ConfigError: A bound is negative or not finite.
    """

    yaw_deg: float = 0.0
    shift_m: float = 0.0
    fidelity: Fidelity = Fidelity.CORRECT

    def __post_init__(self) -> None:
        bounds = {"yaw_deg": self.yaw_deg, "shift_m": self.shift_m}
        faults = [
            f"{name}: wanted a finite bound of at least 0, found {bound}"
            for name, bound in bounds.items()
            if not (np.isfinite(bound) and bound >= 0)
        ]
        if faults:
            raise ConfigError(faults, source="pose noise")

    def apply(self, pose: EgoPose, up: ArrayLike, rng: np.random.Generator) -> EgoPose:
        """A disturbed copy of a pose, marked as such.

        Args:
            pose: The pose, in any frame.
            up: (3,) unit vector against gravity in that frame.
            rng: The only source of randomness.
        """
        released = self.fidelity is Fidelity.RELEASED
        axis = np.array([0.0, 0.0, 1.0]) if released else np.asarray(up, dtype=np.float64)
        yaw = np.radians(rng.uniform(-self.yaw_deg, self.yaw_deg))
        if released:
            shift = 2 * self.shift_m * (rng.standard_normal(3) - 0.5)
        else:
            shift = rng.uniform(-self.shift_m, self.shift_m, 3)
        old = pose.reference_from_camera
        matrix = np.eye(4)
        matrix[:3, :3] = rotation_about(axis, yaw) @ old.rotation
        matrix[:3, 3] = old.translation + shift
        moved = RigidTransform(matrix, old.target, old.source)
        return replace(pose, reference_from_camera=moved, perturbed=True)
