"""Which engine counts visible points; all of them give the same counts."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from posealign_core.errors import ConfigError, MissingDependencyError

if TYPE_CHECKING:
    from posealign_core.recover.zbuffer import Engine

__all__ = ["ENGINES", "choose_engine", "load_engine"]

ENGINES = ("auto", "numpy", "numba", "triton")


def choose_engine(name: str) -> str:
    """Turn `"auto"` into `"triton"` where there is a CUDA device, else into `"numba"`.

    Raises:
        ConfigError: There is no such engine.
    """
    if name not in ENGINES:
        raise ConfigError(
            [f"engine: wanted one of {', '.join(ENGINES)}, found {name!r}"], source="visibility"
        )
    if name != "auto":
        return name
    import torch

    has_triton = importlib.util.find_spec("triton") is not None
    return "triton" if has_triton and torch.cuda.is_available() else "numba"


def load_engine(name: str) -> Engine:
    """Import an engine.

    Raises:
        ConfigError: There is no such engine.
        MissingDependencyError: The package that it needs is not installed.
    """
    chosen = choose_engine(name)
    try:
        module = importlib.import_module(f"posealign_core.recover.engine_{chosen}")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"engine {chosen!r} needs the package {error.name!r}, which is not installed; "
            f"use engine 'numpy', or run: pip install {error.name}"
        ) from error
    engine: Engine = module.count_visible
    return engine
