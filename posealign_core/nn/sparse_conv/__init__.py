"""Convolutions on sparse voxel grids: submanifold, strided and inverse.

Weights have spconv's layout `(out, kx, ky, kz, in)`, so that published checkpoints load as they
are. Where spconv is installed with CUDA it does the work; elsewhere gather-matmul in torch does,
forward and backward, on CPU and GPU, with equal results.
"""

from __future__ import annotations

from posealign_core.nn.sparse_conv.engine import EngineChoice, choose_engine
from posealign_core.nn.sparse_conv.modules import (
    InverseConv3d,
    PointwiseConv3d,
    SparseModule,
    SparseSequential,
    StridedConv3d,
    SubmanifoldConv3d,
)
from posealign_core.nn.sparse_conv.tensor import SparseTensor, VoxelGrid, sparse_tensor

__all__ = [
    "EngineChoice",
    "InverseConv3d",
    "PointwiseConv3d",
    "SparseModule",
    "SparseSequential",
    "SparseTensor",
    "StridedConv3d",
    "SubmanifoldConv3d",
    "VoxelGrid",
    "choose_engine",
    "sparse_tensor",
]
