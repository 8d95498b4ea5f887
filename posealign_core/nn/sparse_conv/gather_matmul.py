"""The one computation behind every sparse convolution, with its gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_core.nn.sparse_conv.kernel_map import KernelMap

__all__ = ["gather_matmul"]


def gather_matmul(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    """Compute `out[t] = sum over k, (s, t) in pairs k of features[s] @ weight[k]`.

    Args:
        features: (n_sources, Cin).
        weight: (K, Cin, Cout), of the same dtype.
        kernel_map: The pairs.

    Returns:
        (n_targets, Cout); rows without a pair are zero.
    """
    result: Tensor = _GatherMatmul.apply(features, weight, kernel_map)
    return result


def _accumulate(features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
    if kernel_map.identity is None:
        out = features.new_zeros(kernel_map.n_targets, weight.shape[2])
    else:
        out = features @ weight[kernel_map.identity]
    for k, (source, target) in enumerate(zip(kernel_map.sources, kernel_map.targets, strict=True)):
        if k != kernel_map.identity:
            # Targets are distinct within an offset, so the sum is deterministic on CUDA too.
            out.index_add_(0, target, features.index_select(0, source) @ weight[k])
    return out


class _GatherMatmul(torch.autograd.Function):
    """Keeps only inputs and pairs for the backward pass, not the gathered rows."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor, kernel_map: KernelMap) -> Tensor:
        ctx.save_for_backward(features, weight)
        ctx.kernel_map = kernel_map
        return _accumulate(features, weight, kernel_map)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        features, weight = ctx.saved_tensors
        kernel_map: KernelMap = ctx.kernel_map
        grad_features = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_features = _accumulate(grad, weight.transpose(1, 2), kernel_map.transposed())
        if ctx.needs_input_grad[1]:
            pairs = zip(kernel_map.sources, kernel_map.targets, strict=True)
            grad_weight = torch.stack(
                [features.index_select(0, s).t() @ grad.index_select(0, t) for s, t in pairs]
            )
        return grad_features, grad_weight, None
