"""Elastic distortion of voxel coordinates (specification section 1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import uniform_filter1d

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PASSES", "PROBABILITY", "elastic_distortion", "elastic_pass"]

PASSES = ((6, 40.0), (20, 160.0))
"""Granularity and magnitude, in voxels, of the two passes."""
PROBABILITY = 0.5


def elastic_distortion(
    cells: NDArray[np.floating], rng: np.random.Generator
) -> NDArray[np.floating]:
    """Distort coordinates (N, 3) in voxels smoothly, or leave half of all scenes as they are."""
    if rng.random() >= PROBABILITY:
        return cells
    for granularity, magnitude in PASSES:
        cells = elastic_pass(cells, granularity, magnitude, rng)
    return cells


def elastic_pass(
    cells: NDArray[np.floating], granularity: int, magnitude: float, rng: np.random.Generator
) -> NDArray[np.floating]:
    """Add blurred noise, read off a grid of the given granularity, to coordinates (N, 3)."""
    sizes = np.maximum(np.abs(cells).max(axis=0).astype(np.int64) // granularity + 3, 1)
    noise = np.stack([_blurred(rng, sizes) for _ in range(3)], axis=-1)
    nodes = [np.linspace(-(n - 1) * granularity, (n - 1) * granularity, n) for n in sizes.tolist()]
    field = RegularGridInterpolator(nodes, noise, bounds_error=False, fill_value=0.0)
    distorted: NDArray[np.floating] = cells + field(cells) * magnitude
    return distorted


def _blurred(rng: np.random.Generator, sizes: NDArray[np.int64]) -> NDArray[np.float32]:
    """A normal volume after box filters of length 3 along x, y, z, x, y, z, with zeros around."""
    volume: NDArray[np.float32] = rng.standard_normal(sizes.tolist(), dtype=np.float32)
    for axis in (0, 1, 2, 0, 1, 2):
        volume = uniform_filter1d(volume, 3, axis=axis, mode="constant")
    return volume
