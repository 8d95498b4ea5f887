"""The same convolutions by spconv: a thin adapter that keeps weights and grids ours."""

from __future__ import annotations

import functools
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch.func import functional_call

from posealign_core.errors import MissingDependencyError, ShapeError
from posealign_core.nn.sparse_conv.tensor import SparseTensor

if TYPE_CHECKING:
    from torch import Tensor, nn

    from posealign_core.nn.sparse_conv.engine import Engine

__all__ = ["ENGINE", "SpconvEngine"]

_PAIRS = "spconv indice pairs"
"""Key of the grid's maps under which spconv's own cache is kept."""

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its build tools import what Python deprecates
        import spconv.pytorch as spconv
except ImportError as error:
    raise MissingDependencyError(
        f"the spconv engine needs spconv ({error}); pip install 'posealign[spconv]'"
    ) from error


class SpconvEngine:
    """Implicit GEMM on CUDA; spconv's native algorithm in its CPU build."""

    name = "spconv"

    def submanifold(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """See `Engine.submanifold`."""
        return x.with_features(_apply("SubMConv3d", x, weight, key).features)

    def strided(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """See `Engine.strided`."""
        out = _apply("SparseConv3d", x, weight, key)
        x.grid.maps[key] = x.grid
        shape = out.spatial_shape
        coarse = replace(x.grid, indices=out.indices, spatial_shape=(shape[0], shape[1], shape[2]))
        return SparseTensor(out.features, coarse)

    def inverse(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """See `Engine.inverse`."""
        if key not in x.grid.maps:
            raise ShapeError(f"inverse convolution: no strided convolution has indice key {key!r}")
        return SparseTensor(
            _apply("SparseInverseConv3d", x, weight, key).features, x.grid.maps[key]
        )


def _apply(kind: str, x: SparseTensor, weight: Tensor, key: str) -> Any:
    """Run one spconv layer with our weight, on a tensor that shares spconv's pair cache."""
    layer = _layer(kind, weight.shape[-1], weight.shape[0], weight.shape[1], key)
    layer.train(torch.is_grad_enabled())  # its training flag only says whether to keep gradients
    tensor = spconv.SparseConvTensor(
        x.features,
        x.grid.indices,
        list(x.grid.spatial_shape),
        x.grid.batch_size,
        indice_dict=x.grid.maps.get(_PAIRS),
    )
    out = functional_call(layer, {"weight": weight}, (tensor,))
    x.grid.maps[_PAIRS] = out.indice_dict
    return out


@functools.cache
def _layer(kind: str, n_in: int, n_out: int, kernel_size: int, key: str) -> nn.Module:
    """A layer without storage; the weight comes with each call."""
    options = {"SubMConv3d": {"padding": 1}, "SparseConv3d": {"stride": 2}}.get(kind, {})
    with torch.device("meta"):
        layer: nn.Module = getattr(spconv, kind)(
            n_in, n_out, kernel_size, bias=False, indice_key=key, **options
        )
    return layer


ENGINE: Engine = SpconvEngine()
