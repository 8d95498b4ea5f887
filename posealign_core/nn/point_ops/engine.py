"""Which engine samples and searches; both give equal indices."""

from __future__ import annotations

import functools
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from posealign_core.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["ENGINES", "Engine", "choose_engine", "load_engine"]

ENGINES = ("numba", "triton")


class Engine(Protocol):
    """The two searches, on float32 tensors that are contiguous and on the engine's device."""

    def furthest(self, xyz: Tensor, n_samples: int, skip_origin: bool) -> Tensor:
        """Sample (B, n_samples) int64 rows of `xyz` (B, N, 3); the first of equals wins."""

    def ball(self, centers: Tensor, xyz: Tensor, radius: float, n_samples: int) -> Tensor:
        """Find (B, M, n_samples) int64 rows of `xyz` (B, N, 3) near `centers` (B, M, 3)."""


def choose_engine(device: torch.device) -> str:
    """Say which engine tensors on `device` get: `"triton"` on CUDA, else `"numba"`."""
    return "triton" if device.type == "cuda" else "numba"


@functools.cache
def load_engine(name: str) -> Engine:
    """Import an engine.

    Raises:
        ConfigError: There is no such engine.
        MissingDependencyError: The package that it needs is not installed.
    """
    if name not in ENGINES:
        raise ConfigError([f"wanted one of {', '.join(ENGINES)}, found {name!r}"], source="engine")
    try:
        module = import_module(f"posealign_core.nn.point_ops.{name}_engine")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"point operations on this device need the package {error.name!r}, which is not "
            f"installed; run: pip install {error.name}"
        ) from error
    return cast("Engine", module)
