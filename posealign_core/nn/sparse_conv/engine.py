"""Which engine convolves, and why."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from posealign_core.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from posealign_core.nn.sparse_conv.tensor import SparseTensor

__all__ = ["Engine", "EngineChoice", "choose_engine", "load_engine"]

_ENGINES = {
    "torch": "posealign_core.nn.sparse_conv.torch_engine",
    "spconv": "posealign_core.nn.sparse_conv.spconv_engine",
}


class Engine(Protocol):
    """The three convolutions; features and weights are of one dtype, float32 or wider."""

    name: str

    def submanifold(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """Kernel 3, stride 1: outputs exist where inputs do. Weight (out, 3, 3, 3, in)."""

    def strided(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """Kernel 2, stride 2, onto the coarser grid. Weight (out, 2, 2, 2, in)."""

    def inverse(self, x: SparseTensor, weight: Tensor, key: str) -> SparseTensor:
        """Back onto the voxels that `strided` with the same key came from."""


@dataclass(frozen=True)
class EngineChoice:
    """An engine and the reason for it, as `posealign doctor` shows it.

    Attributes:
        name: `"torch"` or `"spconv"`.
        reason: One clause.
    """

    name: str
    reason: str


@functools.cache
def _spconv_fault() -> str | None:
    """Why spconv cannot be used on CUDA, or None when it can."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its build tools import what Python deprecates
            constants = import_module("spconv.cppconstants")
    except ImportError as error:
        return f"spconv cannot be imported ({error}); pip install 'posealign[spconv]' to have it"
    if constants.CPU_ONLY_BUILD:
        return "the installed spconv is its CPU build; pip install 'posealign[spconv]' for CUDA"
    return None


def choose_engine(device: torch.device) -> EngineChoice:
    """Say which engine tensors on `device` get when none is asked for."""
    if device.type != "cuda":
        return EngineChoice("torch", f"tensors are on {device.type}, where spconv gains nothing")
    fault = _spconv_fault()
    if fault is not None:
        return EngineChoice("torch", fault)
    return EngineChoice("spconv", "spconv is installed with CUDA")


@functools.cache
def load_engine(name: str) -> Engine:
    """Import an engine.

    Raises:
        ConfigError: There is no engine of that name.
    """
    if name not in _ENGINES:
        raise ConfigError([f"wanted one of {sorted(_ENGINES)}, found {name!r}"], source="engine")
    return cast("Engine", import_module(_ENGINES[name]).ENGINE)
