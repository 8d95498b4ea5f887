"""One mask of several objects as its separate parts (benchmarks spec 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PointGraph"]

CELL_M = 0.05
"""Edge of the cells that carry a connection: some two to three spacings of ScanNet's vertices."""
_HALF = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]
"""One of each two opposite steps to a neighbouring cell."""


@dataclass(frozen=True, eq=False)
class PointGraph:
    """Which superpoints of a scan touch; without superpoints, cells of 5 cm take their place.

    Superpoints touch where they share a cell, or have cells that share a face, edge or corner.

    Attributes:
        segment_of: (N,) int32 superpoint or cell of each point, in [0, S).
        touching: (S, S) sparse; not zero where two touch.
    """

    segment_of: NDArray[np.int32]
    touching: csr_array

    @classmethod
    def of(
        cls, points: NDArray[np.float64], superpoint_ids: NDArray[np.int64] | None
    ) -> PointGraph:
        """Build it for the points of a scan, (N, 3) metres, and their superpoints, (N,)."""
        cell_of, touching = _cells(points)
        if superpoint_ids is None:
            return cls(cell_of.astype(np.int32), touching)
        names, segment_of = np.unique(superpoint_ids, return_inverse=True)
        segment_of = segment_of.ravel()
        ones = np.ones(len(cell_of), dtype=np.int64)
        holds = csr_array((ones, (cell_of, segment_of)), shape=(touching.shape[0], len(names)))
        return cls(segment_of.astype(np.int32), (holds.T @ touching @ holds).tocsr())

    def parts(self, mask: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
        """The points of a mask (N,) by connected part, as places in the scan."""
        members = np.flatnonzero(mask)
        if not len(members):
            return []
        segments = self.segment_of[members]
        present = np.flatnonzero(np.bincount(segments))
        n_parts, labels = connected_components(self.touching[present][:, present], directed=False)
        part_of = np.zeros(present[-1] + 1, dtype=np.intp)
        part_of[present] = labels
        parts = part_of[segments]
        order = np.argsort(parts, kind="stable")
        ends = np.cumsum(np.bincount(parts, minlength=n_parts))
        return np.split(members[order], ends[:-1])


def _cells(points: NDArray[np.float64]) -> tuple[NDArray[np.intp], csr_array]:
    """(N,) occupied cell of each point, and which cells touch, each itself included."""
    places = np.floor(points / CELL_M).astype(np.int64)
    places -= places.min(axis=0, initial=0) - 1
    shape = places.max(axis=0, initial=0) + 2  # nobody is at the rim: no step leads round it
    strides = np.array([shape[1] * shape[2], shape[2], 1])
    names, cell_of = np.unique(places @ strides, return_inverse=True)
    itself = np.arange(len(names))
    ends = [np.stack([itself, itself])]
    for step in _HALF:
        wanted = names + np.array(step) @ strides
        near = np.searchsorted(names, wanted).clip(max=max(0, len(names) - 1))
        met = np.flatnonzero(names[near] == wanted)
        ends += [np.stack([met, near[met]]), np.stack([near[met], met])]
    row, column = np.concatenate(ends, axis=1)
    ones = np.ones(len(row), dtype=np.int64)
    return cell_of.ravel(), csr_array((ones, (row, column)), shape=(len(names), len(names)))
