"""Reading weights file by file, so that no more than one shard is in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from posealign_core.datasets.safe_load import load_torch
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor

__all__ = ["read_file", "read_folder"]

_WRAPPERS = ("state_dict", "model")


def read_folder(folder: Path) -> Iterator[tuple[str, Tensor]]:
    """Entries of all shards of a folder, safetensors before torch's own format.

    Raises:
        DataError: There is no shard, or one is damaged.
        UnsafeFileError: A shard asks for code.
    """
    shards = sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("pytorch_model*.bin"))
    if not shards:
        raise DataError(f"{folder}: wanted model*.safetensors or pytorch_model*.bin, found neither")
    for shard in shards:
        yield from read_file(shard)


def read_file(path: Path) -> Iterator[tuple[str, Tensor]]:
    """Entries of a safetensors or torch file; `state_dict` or `model` around them is taken off.

    Raises:
        DataError: The file is missing or damaged, or holds no tensors by name.
        UnsafeFileError: The file asks for code.
    """
    if path.suffix == ".safetensors":
        try:
            with safe_open(path, framework="pt") as opened:
                for key in opened.keys():  # noqa: SIM118 - it has no iterator of its own
                    yield key, opened.get_tensor(key)
        except (OSError, SafetensorError) as error:
            raise DataError(f"{path}: cannot be read ({error}); fetch it again") from error
        return
    values: Any = load_torch(path)
    if isinstance(values, dict):
        values = next((values[key] for key in _WRAPPERS if key in values), values)
    if not isinstance(values, dict):
        raise DataError(f"{path}: wanted tensors by name, found {type(values).__name__}")
    for key, value in values.items():
        if not isinstance(value, torch.Tensor):
            raise DataError(f"{path}: wanted a tensor as {key!r}, found {type(value).__name__}")
        yield str(key), value
