"""Kernel maps: which input row meets which output row at each offset of a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import torch

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["KernelMap", "strided_map", "submanifold_map"]


@dataclass(frozen=True, eq=False, kw_only=True)
class KernelMap:
    """Pairs of rows per kernel offset; within one offset no row occurs twice on either side.

    Attributes:
        sources: K tensors (P_k,) int64, rows of the input.
        targets: K tensors (P_k,) int64, rows of the output.
        n_sources: Number of input rows.
        n_targets: Number of output rows.
        identity: The offset that pairs every row with itself, or None.
    """

    sources: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]
    n_sources: int
    n_targets: int
    identity: int | None = None

    def transposed(self) -> KernelMap:
        """The map of the adjoint: outputs become inputs."""
        return KernelMap(
            sources=self.targets,
            targets=self.sources,
            n_sources=self.n_targets,
            n_targets=self.n_sources,
            identity=self.identity,
        )


def submanifold_map(indices: Tensor, spatial_shape: tuple[int, int, int]) -> KernelMap:
    """Pair each voxel with its neighbours in a 3x3x3 kernel: source = target + offset - 1.

    Args:
        indices: (M, 4) int32 item, x, y, z, inside the grid.
        spatial_shape: Number of cells along x, y, z.

    Raises:
        ShapeError: Two voxels share a cell.
    """
    # One empty cell beside each axis keeps a neighbour outside the grid from wrapping onto a voxel.
    _, y_size, z_size = (size + 2 for size in spatial_shape)
    batch, x, y, z = indices.long().unbind(1)
    keys = ((batch * (spatial_shape[0] + 2) + x + 1) * y_size + y + 1) * z_size + z + 1
    keys, order = keys.sort()
    if (keys[1:] == keys[:-1]).any():
        raise ShapeError(
            f"sparse convolution: wanted distinct voxels, found {len(keys)} of which only "
            f"{len(torch.unique(keys))} are distinct"
        )
    offsets = list(product((-1, 0, 1), repeat=3))
    before, centre = offsets[: len(offsets) // 2], len(offsets) // 2
    pairs = [_neighbours(keys, order, (dx * y_size + dy) * z_size + dz) for dx, dy, dz in before]
    everything = torch.arange(len(keys), device=indices.device)
    # The offset opposite to k pairs the same voxels the other way round.
    return KernelMap(
        sources=(*(s for s, _ in pairs), everything, *(t for _, t in reversed(pairs))),
        targets=(*(t for _, t in pairs), everything, *(s for s, _ in reversed(pairs))),
        n_sources=len(keys),
        n_targets=len(keys),
        identity=centre,
    )


def _neighbours(keys: Tensor, order: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """Rows (sources, targets) of the voxels whose keys differ by `step`; `keys` is sorted."""
    wanted = keys + step
    position = torch.searchsorted(keys, wanted).clamp_(max=max(len(keys) - 1, 0))
    hit = (keys[position] == wanted).nonzero().squeeze(1)
    return order[position[hit]], order[hit]


def strided_map(
    indices: Tensor, spatial_shape: tuple[int, int, int]
) -> tuple[KernelMap, Tensor, tuple[int, int, int]]:
    """Pair each voxel with its parent in a grid of half the resolution (kernel 2, stride 2).

    The coarse grid has `size // 2` cells per axis, so a voxel in the last plane of an odd axis has
    no parent (`specs` 3d_llava section 2.3): it is in no pair.

    Args:
        indices: (M, 4) int32 item, x, y, z, inside the grid.
        spatial_shape: Number of cells along x, y, z.

    Returns:
        The map, the coarse voxels (M', 4) int32 sorted by item, x, y, z, and the coarse shape.
    """
    x_size, y_size, z_size = coarse_shape = (
        spatial_shape[0] // 2,
        spatial_shape[1] // 2,
        spatial_shape[2] // 2,
    )
    cells = indices.long()
    parents = cells[:, 1:] // 2
    limits = torch.tensor(coarse_shape, device=indices.device)
    children = (parents < limits).all(1).nonzero().squeeze(1)
    batch, (x, y, z) = cells[children, 0], parents[children].unbind(1)
    keys = ((batch * x_size + x) * y_size + y) * z_size + z
    keys, parent_rows = torch.unique(keys, return_inverse=True)
    corner = (cells[children, 1:] % 2 * torch.tensor([4, 2, 1], device=indices.device)).sum(1)
    order = corner.argsort(stable=True)
    counts = torch.bincount(corner, minlength=8).tolist()
    kernel_map = KernelMap(
        sources=torch.split(children[order], counts),
        targets=torch.split(parent_rows[order], counts),
        n_sources=len(indices),
        n_targets=len(keys),
    )
    return kernel_map, _cells_of(keys, coarse_shape), coarse_shape


def _cells_of(keys: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """(M, 4) int32 item, x, y, z of linear keys."""
    columns = []
    for size in reversed(shape):
        columns.append(keys % max(size, 1))
        keys = keys // max(size, 1)
    return torch.stack([keys, *reversed(columns)], dim=1).to(torch.int32)
