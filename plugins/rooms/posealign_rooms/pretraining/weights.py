"""Weights as they are shipped: half precision, one safetensors file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from safetensors.torch import save_file

from posealign_core.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

__all__ = ["write_weights"]


def write_weights(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors in half precision, in one step."""
    halves = {name: tensor.half().cpu().contiguous() for name, tensor in tensors.items()}
    with atomic_path(path) as temporary:
        save_file(halves, temporary, metadata={"format": "pt"})
