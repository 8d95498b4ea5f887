"""Layers on sparse tensors."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.nn.sparse_conv.tensor import SparseTensor

__all__ = [
    "InverseConv3d",
    "PointwiseConv3d",
    "SparseModule",
    "SparseSequential",
    "StridedConv3d",
    "SubmanifoldConv3d",
]


class SparseModule(nn.Module):
    """A module from `SparseTensor` to `SparseTensor`."""


class SparseSequential(nn.Sequential, SparseModule):
    """A chain in which ordinary modules act on the features and sparse ones on the tensor."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Apply the modules in order."""
        for module in self:
            if isinstance(module, SparseModule):
                x = module(x)
            else:
                x = x.with_features(module(x.features))
        return x


class _SparseConv3d(SparseModule, abc.ABC):
    """What the three convolutions share: a weight (out, k, k, k, in).

    Sums run in float32 whatever the dtype of the features, and inside autocast too; the result is
    cast back (3d_llava section 2.3).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, key: str) -> None:
        super().__init__()
        self.key = key
        self.weight = nn.Parameter(torch.empty(out_channels, *[kernel_size] * 3, in_channels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight uniformly with the bound of torch's dense convolutions."""
        bound = (self.weight.numel() / len(self.weight)) ** -0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def extra_repr(self) -> str:
        """Channels, kernel and key."""
        n_out, size, *_, n_in = self.weight.shape
        return f"{n_in}, {n_out}, kernel_size={size}, key={self.key!r}"

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Convolve; features (M, in) become (M', out)."""
        if x.features.shape[1] != self.weight.shape[-1]:
            raise ShapeError(
                f"{type(self).__name__}: wanted {self.weight.shape[-1]} channels, "
                f"found {x.features.shape[1]}"
            )
        dtype = x.features.dtype
        wide = torch.promote_types(dtype, torch.float32)
        with torch.autocast(x.features.device.type, enabled=False):
            out = self._convolve(x.with_features(x.features.to(wide)), self.weight.to(wide))
        return out.with_features(out.features.to(dtype))

    @abc.abstractmethod
    def _convolve(self, x: SparseTensor, weight: Tensor) -> SparseTensor: ...


class SubmanifoldConv3d(_SparseConv3d):
    """Kernel 3, stride 1, outputs where inputs are; kernel offsets follow the index columns.

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
        key: Layers with the same key at the same resolution share their kernel map.
        bias: Whether a vector (out), zero at first, is added.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, key: str, bias: bool = False
    ) -> None:
        super().__init__(in_channels, out_channels, 3, key)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def _convolve(self, x: SparseTensor, weight: Tensor) -> SparseTensor:
        out = x.grid.engine.submanifold(x, weight, self.key)
        if self.bias is None:
            return out
        return out.with_features(out.features + self.bias.to(out.features.dtype))


class PointwiseConv3d(SparseModule):
    """Kernel 1, with the arithmetic that published spconv weights were trained under.

    spconv reads the memory of the weight (out, 1, 1, 1, in) as a matrix (in, out), which is not the
    transpose (3d_llava section 2.3). The product is taken in the dtype of the features.

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_channels, 1, 1, 1, in_channels))
        nn.init.uniform_(self.weight, -(in_channels**-0.5), in_channels**-0.5)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Mix channels; features (M, in) become (M, out)."""
        n_out, n_in = len(self.weight), self.weight.shape[-1]
        return x.with_features(x.features @ self.weight.reshape(n_in, n_out))


class StridedConv3d(_SparseConv3d):
    """Kernel 2, stride 2, no padding: halves the resolution.

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
        key: Name by which an `InverseConv3d` finds the way back.
    """

    def __init__(self, in_channels: int, out_channels: int, *, key: str) -> None:
        super().__init__(in_channels, out_channels, 2, key)

    def _convolve(self, x: SparseTensor, weight: Tensor) -> SparseTensor:
        return x.grid.engine.strided(x, weight, self.key)


class InverseConv3d(_SparseConv3d):
    """Kernel 2, back onto the voxels that the `StridedConv3d` of the same key came from.

    Args:
        in_channels: Width of the input.
        out_channels: Width of the output.
        key: The strided convolution's key.
    """

    def __init__(self, in_channels: int, out_channels: int, *, key: str) -> None:
        super().__init__(in_channels, out_channels, 2, key)

    def _convolve(self, x: SparseTensor, weight: Tensor) -> SparseTensor:
        return x.grid.engine.inverse(x, weight, self.key)
