"""Coordinate frames and the rigid transforms between them.

A transform is named `target_from_source` and knows both ends, so that composing the wrong two is an
error at the line that does it, not a wrong number three stages later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import FrameMismatchError, ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["Frame", "RigidTransform", "are_rigid", "is_rigid"]

RIGID_TOLERANCE = 1e-2
"""Largest deviation of RᵀR from the identity; hand-rounded matrices of the specs reach 4e-3."""


class Frame(str, Enum):
    """The coordinate frames of the library; lengths are metres in all of them."""

    WORLD = "world"
    """The raw scan frame, the one that camera poses refer to."""
    AXIS_ALIGNED = "axis_aligned"
    """After the data set's alignment matrix: walls along the axes."""
    CAMERA = "camera"
    """Right, down, forward (RDF) of one camera."""
    EGO = "ego"
    """Forward, left, up (FLU) of the asker."""
    INPUT = "input"
    """What the model sees."""


def is_rigid(matrix: ArrayLike, *, tolerance: float = RIGID_TOLERANCE) -> bool:
    """Say whether a 4x4 matrix is a finite rotation and translation.

    Args:
        matrix: (4, 4) homogeneous matrix acting on column vectors.
        tolerance: Largest absolute entry of RᵀR - I that still counts as a rotation.
    """
    m = np.asarray(matrix, dtype=np.float64)
    if m.shape != (4, 4):
        return False
    # Plain numbers: a sample checks a dozen matrices, and numpy takes ten times as long for one.
    rows: list[list[float]] = m.tolist()
    x, y, z, shift = zip(*rows[:3], strict=True)
    products = (_dot(x, x) - 1, _dot(y, y) - 1, _dot(z, z) - 1, _dot(x, y), _dot(x, z), _dot(y, z))
    last_row = (*rows[3][:3], rows[3][3] - 1)
    is_small = all(abs(value) <= tolerance for value in (*products, *last_row))
    return is_small and all(map(math.isfinite, shift)) and _dot(x, _cross(y, z)) > 0


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def are_rigid(matrices: ArrayLike, *, tolerance: float = RIGID_TOLERANCE) -> NDArray[np.bool_]:
    """As `is_rigid`, for each of V matrices (V, 4, 4); returns (V,) bool."""
    m = np.asarray(matrices, dtype=np.float64)
    finite = np.asarray(np.isfinite(m).all(axis=(1, 2)))
    m = np.where(finite[:, None, None], m, 0.0)
    r = m[:, :3, :3]
    deviation = np.abs(r.transpose(0, 2, 1) @ r - np.eye(3)).max(axis=(1, 2))
    last_row = np.abs(m[:, 3] - (0.0, 0.0, 0.0, 1.0)).max(axis=1)
    rigid: NDArray[np.bool_] = (
        finite & (deviation <= tolerance) & (last_row <= tolerance) & (np.linalg.det(r) > 0)
    )
    return rigid


@dataclass(frozen=True, eq=False)
class RigidTransform:
    """A rotation and translation that takes coordinates in `source` to coordinates in `target`.

    Attributes:
        matrix: (4, 4) float64, read-only, acting on column vectors; translation in metres.
        target: Frame of the results.
        source: Frame of the arguments.

    Raises:
        ShapeError: The matrix is not 4x4, not finite, or not rigid.
    """

    matrix: NDArray[np.float64]
    target: Frame
    source: Frame

    def __post_init__(self) -> None:
        m = np.array(self.matrix, dtype=np.float64)
        if not is_rigid(m):
            raise ShapeError(
                f"{self.target.value}_from_{self.source.value}: wanted a finite rigid 4x4 matrix, "
                f"found shape {m.shape} with values {m.tolist()}"
            )
        m.setflags(write=False)
        object.__setattr__(self, "matrix", m)

    @classmethod
    def identity(cls, target: Frame, source: Frame) -> RigidTransform:
        """The transform that leaves coordinates as they are and only renames the frame."""
        return cls(np.eye(4), target, source)

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) rotation part; its columns are the source axes seen from the target frame."""
        return self.matrix[:3, :3]

    @property
    def translation(self) -> NDArray[np.float64]:
        """(3,) origin of the source frame in target coordinates, metres."""
        return self.matrix[:3, 3]

    def __matmul__(self, other: RigidTransform) -> RigidTransform:
        """Compose: `a_from_b @ b_from_c` is `a_from_c`."""
        if self.source is not other.target:
            raise FrameMismatchError(
                f"cannot compose {self.target.value}_from_{self.source.value} with "
                f"{other.target.value}_from_{other.source.value}: inner frames differ"
            )
        return RigidTransform(self.matrix @ other.matrix, self.target, other.source)

    def inverse(self) -> RigidTransform:
        """The transform the other way round.

        A true inverse, not the transpose: with a rounded rotation only this gives the points that
        the released code gives, and only this undoes `apply` exactly.
        """
        inverse: NDArray[np.float64] = np.linalg.inv(self.matrix).astype(np.float64)
        return RigidTransform(inverse, self.source, self.target)

    def apply(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points (..., 3) in metres from the source frame to the target frame, in float64."""
        p = np.asarray(points, dtype=np.float64)
        moved: NDArray[np.float64] = p @ self.rotation.T + self.translation
        return moved

    def apply_direction(self, vectors: ArrayLike) -> NDArray[np.float64]:
        """Rotate free vectors (..., 3), normals for example, without translating them."""
        turned: NDArray[np.float64] = np.asarray(vectors, dtype=np.float64) @ self.rotation.T
        return turned
