"""Writing the `torch.save` files of the published layouts, whole or not at all."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import atomic_path

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["save_torch"]


def save_torch(path: Path, values: Any) -> None:
    """Save plain containers, tensors and arrays.

    By way of memory: the name of a file would become part of its content, and equal values are to
    give equal files.

    Raises:
        PoseAlignError: The file cannot be written.
    """
    import torch

    content = io.BytesIO()
    torch.save(values, content)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())
