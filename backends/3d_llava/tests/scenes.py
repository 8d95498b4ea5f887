"""Small random scenes."""

from __future__ import annotations

import numpy as np

from posealign_3d_llava.model.cloud import PointCloud


def random_cloud(
    n_points: int = 60, n_superpoints: int = 9, *, size: int = 12, seed: int = 0
) -> PointCloud:
    """Points in a cube of `size` voxels of 2 cm, in superpoints at random."""
    rng = np.random.default_rng(seed)
    cells = rng.integers(0, size, (n_points, 3))
    superpoints = np.arange(n_points) % n_superpoints
    return PointCloud.from_arrays(
        (cells + rng.random((n_points, 3))) * 0.02,
        rng.uniform(-1, 1, (n_points, 3)),
        cells,
        rng.permutation(superpoints),
    )
