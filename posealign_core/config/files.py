"""Reading YAML files with `_base_` inheritance, and remembering which file set which value."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from posealign_core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Layer", "flatten", "parse_value", "read_layer"]

BASE = "_base_"
DELETE = "_delete_"
_SUFFIXES = {".yaml", ".yml", ".json"}
_EXPONENT = re.compile(r"[-+]?\d[\d_]*(\.\d*)?[eE][-+]?\d+")


@dataclass(frozen=True)
class Layer:
    """Values from one place.

    Attributes:
        values: Nested plain values.
        origins: Where each was set, by dotted key.
    """

    values: Mapping[str, Any]
    origins: Mapping[str, str]


def read_layer(path: Path, label: str = "") -> Layer:
    """Read a YAML file and everything that it inherits from.

    Args:
        path: The file.
        label: What to call it in origins and messages; the path where empty.

    Raises:
        ConfigError: A file of the chain is missing, is not YAML, or inherits from itself.
    """
    origins: dict[str, str] = {}
    for file, values in _chain(path, ()):
        name = label if label and file == path.resolve() else str(file)
        origins |= dict.fromkeys(flatten(values), name)
    return Layer(_merged(path), origins)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """All leaves by dotted key, in order; an empty mapping is a leaf."""
    leaves: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def parse_value(text: str) -> Any:
    """Read one value as YAML does; `1e-4` is a number.

    Raises:
        yaml.YAMLError: The text is not YAML.
    """
    return _numbers(yaml.safe_load(text))


def _chain(path: Path, seen: tuple[Path, ...]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every file that takes part, bases first, with its own values.

    This pass also keeps mmengine safe: it runs `_base_` files that are Python and reads YAML with
    a loader that can call functions, so whatever is not plain YAML is refused here.
    """
    path = path.resolve()
    if path in seen:
        raise ConfigError([f"{BASE}: the file inherits from itself"], source=str(path))
    values = _read(path)
    bases = values.pop(BASE, [])
    for base in [bases] if isinstance(bases, str) else bases:
        yield from _chain(path.parent / str(base), (*seen, path))
    yield path, values


def _read(path: Path) -> dict[str, Any]:
    if path.suffix.lower() not in _SUFFIXES:
        wanted = ", ".join(sorted(_SUFFIXES))
        raise ConfigError([f"wanted a file that ends with {wanted}"], source=str(path))
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            [f"cannot be read: {error.strerror or error}"], source=str(path)
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError([f"is not plain YAML: {_one_line(error)}"], source=str(path)) from error
    if values is None:
        raise ConfigError(["is empty; write {} where nothing is to be set"], source=str(path))
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError([f"wanted named sections, found {values!r}"], source=str(path))
    return values


def _merged(path: Path) -> dict[str, Any]:
    from mmengine.config import Config

    try:
        merged = Config.fromfile(str(path), import_custom_modules=False).to_dict()
    except (KeyError, TypeError, ValueError) as error:
        fault = f"its {BASE} files cannot be merged: {_one_line(error)}"
        raise ConfigError([fault], source=str(path)) from error
    values: dict[str, Any] = _numbers(merged)
    return values


def _numbers(value: Any) -> Any:
    """YAML 1.1 takes `1e-4` for text; everybody who writes it means the number."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    if isinstance(value, str) and _EXPONENT.fullmatch(value):
        return float(value)
    return value


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())
