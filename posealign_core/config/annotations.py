"""What the annotations of config dataclasses mean, for conversion, messages and the reference."""

from __future__ import annotations

import enum
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posealign_core import vocabulary
from posealign_core.errors import ConfigError

__all__ = ["LISTS", "MAPPINGS", "SCALARS", "UNIONS", "field_types", "one_of", "type_text"]

LISTS = (tuple, frozenset, list, Sequence)
MAPPINGS = (dict, Mapping)
UNIONS = (typing.Union, types.UnionType)
SCALARS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_COMMON_NAMES = {name: getattr(vocabulary, name) for name in vocabulary.__all__}
_COMMON_NAMES |= {"Mapping": Mapping, "Path": Path, "Sequence": Sequence}


def field_types(cls: type[Any]) -> dict[str, Any]:
    """The types that a dataclass annotates its fields with.

    Common names may be imported for type checkers only, as linters like it; anything else must be
    importable at run time.

    Raises:
        ConfigError: An annotation names something that its module does not hold at run time.
    """
    try:
        return typing.get_type_hints(cls, localns=_COMMON_NAMES)
    except NameError as error:
        fault = f"{error}; import it outside `if TYPE_CHECKING`, its type is read at run time"
        raise ConfigError([fault], source=f"config class {cls.__qualname__}") from error


def type_text(hint: Any) -> str:  # noqa: PLR0911 - one per kind
    """A type in words, for messages and the reference."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in SCALARS:
        return SCALARS[hint]
    if inspect.isclass(hint) and issubclass(hint, enum.Enum):
        return one_of([member.value for member in hint])
    if origin is typing.Literal:
        return one_of(arguments)
    if origin in UNIONS:
        kinds = [type_text(kind) for kind in arguments if kind is not type(None)]
        return " or ".join(kinds + (["null"] if type(None) in arguments else []))
    if origin in LISTS:
        return f"a list, each {type_text(arguments[0])}"
    if origin in MAPPINGS:
        return f"named values, each {type_text(arguments[1])}"
    return {Path: "a path", object: "any value"}.get(hint, getattr(hint, "__name__", str(hint)))


def one_of(choices: Sequence[Any]) -> str:
    """Choices as a message lists them."""
    return f"one of {', '.join(map(repr, choices))}"
