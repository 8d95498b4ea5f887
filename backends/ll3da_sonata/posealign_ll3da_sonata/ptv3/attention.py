"""Attention within windows along a curve, by torch's kernels or by flash-attn."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from posealign_core.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from torch import Tensor

    from posealign_ll3da_sonata.ptv3.config import EncoderConfig, EncoderOptions
    from posealign_ll3da_sonata.ptv3.windows import Windows

__all__ = ["SerializedAttention"]

_HALF = (torch.float16, torch.bfloat16)


class SerializedAttention(nn.Module):
    """Full softmax attention among the voxels of each window.

    Args:
        config: Sizes.
        stage: Which of its stages.
        options: Kernel and precision.
    """

    def __init__(self, config: EncoderConfig, stage: int, options: EncoderOptions) -> None:
        super().__init__()
        width = config.channels[stage]
        self.n_heads = config.n_heads[stage]
        self.scale = config.qk_scale or (width // self.n_heads) ** -0.5
        self.dropout = config.attention_dropout
        self.kernel = options.attention
        self.dtype = options.attention_dtype and getattr(torch, options.attention_dtype)
        self.qkv = nn.Linear(width, 3 * width, bias=config.qkv_bias)
        self.proj = nn.Linear(width, width)
        self.proj_drop = nn.Dropout(config.projection_dropout)

    def forward(self, x: Tensor, order: Tensor, position: Tensor, windows: Windows) -> Tensor:
        """Mix features (N, C) within windows.

        Args:
            x: Features by row.
            order: (N,) rows in the order of the curve.
            position: (N,) place of each row in that order.
            windows: Of places.

        Raises:
            MissingDependencyError: flash-attn was asked for and is not installed.
            ConfigError: flash-attn was asked for in another precision than a half one.
        """
        qkv = self.qkv(x)
        packed = qkv.to(self.dtype or qkv.dtype).unflatten(1, (3, self.n_heads, -1))
        attend = self._flash if self._takes_flash(packed) else self._torch
        with torch.autocast(packed.device.type, enabled=False):  # it would choose the precision
            attended = attend(packed, order, windows).flatten(1).to(qkv.dtype)
        out: Tensor = self.proj_drop(self.proj(attended[windows.slots[position]]))
        return out

    def _takes_flash(self, packed: Tensor) -> bool:
        half = packed.dtype in _HALF
        if self.kernel == "auto":
            return half and packed.is_cuda and _flash_attn() is not None
        if self.kernel == "flash" and not half:
            raise ConfigError(
                [f"wanted attention_dtype float16 or bfloat16 for flash, found {packed.dtype}"],
                source="attention",
            )
        return self.kernel == "flash"

    def _torch(self, packed: Tensor, order: Tensor, windows: Windows) -> Tensor:
        """Outputs (slots, H, D) of all windows; `packed` is (N, 3, H, D)."""
        outputs = []
        for table in windows.tables:
            query, key, value = packed[order[table]].permute(2, 0, 3, 1, 4)
            attended = scaled_dot_product_attention(
                query, key, value, dropout_p=self._dropout(), scale=self.scale
            )
            outputs.append(attended.transpose(1, 2).flatten(0, 1))
        return torch.cat(outputs)

    def _flash(self, packed: Tensor, order: Tensor, windows: Windows) -> Tensor:
        """The same by one call for windows of all lengths."""
        attend = _flash_attn()
        if attend is None:
            raise MissingDependencyError(
                "flash attention was asked for, and flash-attn is not installed; pip install "
                "flash-attn, or choose attention 'sdpa'"
            )
        lengths = [0] + [length for n, length in map(tuple, _shapes(windows)) for _ in range(n)]
        ends = torch.tensor(lengths, device=packed.device).cumsum(0, dtype=torch.int32)
        rows = order[torch.cat([table.flatten() for table in windows.tables])]
        attended: Tensor = attend(
            packed[rows],
            ends,
            max(lengths),
            dropout_p=self._dropout(),
            softmax_scale=self.scale,
        )
        return attended

    def _dropout(self) -> float:
        return self.dropout if self.training else 0.0


def _shapes(windows: Windows) -> list[torch.Size]:
    return [table.shape for table in windows.tables]


@functools.cache
def _flash_attn() -> Any | None:
    """flash-attn's attention over packed sequences of several lengths, where installed."""
    try:
        return import_module("flash_attn").flash_attn_varlen_qkvpacked_func
    except ImportError:
        return None
