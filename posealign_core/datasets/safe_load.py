"""Loading files that may come from anybody: arrays and plain containers, never code.

A pickle is a program. The unpickler here knows numpy's array constructors and plain containers and
nothing else, so that a crafted file is refused before anything of it runs.
"""

from __future__ import annotations

import pickle
import re
from argparse import Namespace
from collections import OrderedDict, defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import dtypes
from numpy.lib.npyio import NpzFile

from posealign_core.errors import DataError, UnsafeFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["load_array", "load_arrays", "load_pickle", "load_torch"]

_GLOBAL = re.compile(r"GLOBAL (\S+)")


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Stand in for `codecs.encode`, by which old pickles carry bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"wanted bytes as latin1, found {encoding!r}")
    return text.encode("latin1")


def _constructor(module: str, name: str) -> Callable[..., Any] | None:
    """A function of numpy's private array module, under its name in numpy 1 or 2."""
    core: Any = getattr(np, "_core", None) or np.core
    return getattr(getattr(core, module, None), name, None)


def _numpy_globals() -> dict[str, Any]:
    private = {
        f"numpy.{core}.{module}.{name}": _constructor(module, name)
        for core in ("core", "_core")
        for module, name in (
            ("multiarray", "_reconstruct"),
            ("multiarray", "scalar"),
            ("numeric", "_frombuffer"),
        )
    }
    kinds = {f"numpy.dtypes.{name}": getattr(dtypes, name) for name in dtypes.__all__}
    return {"numpy.ndarray": np.ndarray, "numpy.dtype": np.dtype, **private, **kinds}


_NUMPY_GLOBALS = _numpy_globals()
_PLAIN_GLOBALS: dict[str, Any] = {
    **{
        f"{module}.{kind.__name__}": kind
        for module in ("builtins", "__builtin__")
        for kind in (bool, complex, dict, float, frozenset, int, list, set, str, tuple)
    },
    "_codecs.encode": _latin1,
    "collections.OrderedDict": OrderedDict,
    "collections.defaultdict": defaultdict,
}


class _PlainUnpickler(pickle.Unpickler):
    """Builds numpy arrays, scalars and plain containers; refuses every other global."""

    def find_class(self, module: str, name: str) -> Any:
        wanted = f"{module}.{name}"
        found = _NUMPY_GLOBALS.get(wanted) or _PLAIN_GLOBALS.get(wanted)
        if found is None:
            raise pickle.UnpicklingError(f"GLOBAL {wanted}")
        return found


def load_pickle(path: Path) -> Any:
    """Read a pickle of numpy arrays and plain containers.

    Args:
        path: The file; pickle protocols 0 to 5, written under numpy 1 or 2.

    Raises:
        UnsafeFileError: The pickle asks for anything but arrays and containers; names the global.
        DataError: The file is missing, truncated or no pickle.
    """
    with _explained(path), path.open("rb") as stream:
        return _PlainUnpickler(stream).load()


def load_torch(path: Path, aliases: Mapping[str, type] | None = None) -> Any:
    """Read a `torch.save` file of tensors, numpy arrays and plain containers, onto the CPU.

    An `argparse.Namespace` counts as a plain container.

    Args:
        path: The file.
        aliases: Further containers that it may ask for, by their full names, and the plain ones
            that stand in for them: `{"utils.easydict.EasyDict": OrderedDict}`.

    Raises:
        UnsafeFileError: The file asks for anything but these; names the global.
        DataError: The file is missing, truncated or not written by torch.
    """
    import torch

    known = {**_NUMPY_GLOBALS, **(aliases or {})}
    allowed: list[Any] = [(target, name) for name, target in known.items() if target]
    allowed.append(Namespace)  # the command line that trained the weights, often beside them
    with _explained(path), torch.serialization.safe_globals(allowed):
        return torch.load(path, map_location="cpu", weights_only=True)


def load_array(path: Path) -> NDArray[Any]:
    """Read a `.npy` file.

    Raises:
        UnsafeFileError: The file holds pickled objects.
        DataError: The file is missing, truncated or no array file.
    """
    with _explained(path), path.open("rb") as stream:
        array = np.load(stream, allow_pickle=False)
        if isinstance(array, NpzFile):
            raise DataError(f"{path}: wanted a single array (.npy), found a .npz archive")
        return np.asarray(array)


def load_arrays(path: Path, names: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
    """Read arrays of a `.npz` file.

    Args:
        path: The file.
        names: Arrays that must be there; all that are there where empty.

    Raises:
        UnsafeFileError: A wanted array holds pickled objects.
        DataError: The file is missing or truncated, or lacks an array.
    """
    with _explained(path), path.open("rb") as stream:
        opened = np.load(stream, allow_pickle=False)
        if not isinstance(opened, NpzFile):
            raise DataError(f"{path}: wanted a .npz archive of arrays, found a single array")
        with opened as archive:
            missing = [name for name in names if name not in archive.files]
            if missing:
                raise DataError(
                    f"{path}: wanted the arrays {', '.join(map(repr, missing))}, "
                    f"found {', '.join(map(repr, archive.files)) or 'none'}"
                )
            return {name: archive[name] for name in names or archive.files}


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever a damaged or hostile file makes a parser raise into one clear line."""
    if not path.is_file():
        raise DataError(f"{path}: wanted a file, found none; check the path")
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # parsers of broken bytes raise nearly anything
        unsafe = _unsafe_content(error)
        if unsafe:
            raise UnsafeFileError(
                f"{path}: wanted arrays and plain containers, found a pickle that asks for "
                f"{unsafe}; nothing of it was run, do not trust its source"
            ) from error
        reason = (str(error) or "no details").splitlines()[0][:200]
        raise DataError(
            f"{path}: damaged or not of its format ({type(error).__name__}: {reason}); "
            "fetch or make it again"
        ) from error


def _unsafe_content(error: Exception) -> str:
    """What the file asked for, where that is why it was refused; else nothing."""
    if isinstance(error, pickle.UnpicklingError):
        found = _GLOBAL.search(str(error))
        return found.group(1) if found else ""
    return "Python objects in an array" if str(error).startswith("Object arrays") else ""
