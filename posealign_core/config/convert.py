"""Plain values to frozen dataclasses, strictly, with every fault collected."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import inspect
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from posealign_core.config.annotations import (
    LISTS,
    MAPPINGS,
    SCALARS,
    UNIONS,
    field_types,
    one_of,
    type_text,
)
from posealign_core.errors import ConfigError, PoseAlignError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["OPEN", "Converter", "to_plain"]

C = TypeVar("C")
OPEN = {"open": True}
"""Metadata of a mapping field that takes over all keys which are no fields of its dataclass."""
_INVALID = object()


class Converter:
    """Builds dataclasses and keeps the faults.

    Args:
        origin: Says where a dotted key was set, for messages; `""` where that adds nothing.
        check: Gives the faults of a finished dataclass that its own checks cannot know of.

    Attributes:
        faults: One line per fault, so far.
    """

    def __init__(
        self,
        origin: Callable[[str], str] = lambda _: "",
        check: Callable[[object], Iterable[str]] = lambda _: (),
    ) -> None:
        self.faults: list[str] = []
        self._origin = origin
        self._check = check

    def build(self, cls: type[C], values: Mapping[str, Any], *, source: str) -> C:
        """Convert everything, then complain once.

        Raises:
            ConfigError: There are faults; it names all of them.
        """
        result = self.dataclass(cls, values, "")
        if self.faults:
            raise ConfigError(self.faults, source=source)
        return typing.cast("C", result)

    def fault(self, key: str, value: Any, problem: str) -> Any:
        """Record a fault; returns a marker that stands for an unusable value."""
        origin = self._origin(key)
        where = f" ({origin})" if origin else ""
        self.faults.append(f"{key} = {_shown(value)}{where}: {problem}")
        return _INVALID

    def dataclass(self, cls: type[Any], values: Any, key: str) -> Any:
        """Convert a mapping to a dataclass."""
        fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
        rest = next((name for name, f in fields.items() if f.metadata.get("open")), None)
        if rest and isinstance(values, str):
            values = {"name": values}  # "clip" is short for {name: clip}
        if not isinstance(values, Mapping):
            return self.fault(
                key or cls.__name__, values, f"wanted a section ({', '.join(fields)})"
            )
        hints = field_types(cls)
        arguments: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for name, value in values.items():
            if name in fields and name != rest:
                arguments[name] = self.value(hints[name], value, _join(key, name))
            elif rest:
                others[name] = value
            else:
                self._unknown(_join(key, name), value, name, fields)
        if rest:
            arguments[rest] = self.value(hints[rest], others, key)
        return self._construct(cls, fields, arguments, key)

    def value(self, hint: Any, value: Any, key: str) -> Any:  # noqa: PLR0911 - one per kind
        """Convert one value to the type that a field is annotated with."""
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if hint is Any or hint is object:
            return value
        if origin in UNIONS:
            return self._union(arguments, value, key)
        if origin is typing.Literal:
            return value if value in arguments else self._choice(arguments, value, key)
        if origin in LISTS:
            return self._collection(origin, arguments, value, key)
        if origin in MAPPINGS:
            return self._mapping(arguments, value, key)
        if dataclasses.is_dataclass(hint):
            return self.dataclass(typing.cast("type[Any]", hint), value, key)
        if inspect.isclass(hint) and issubclass(hint, enum.Enum):
            choices = [member.value for member in hint]
            return hint(value) if value in choices else self._choice(choices, value, key)
        if hint is Path:
            is_text = isinstance(value, str) and value
            return Path(value).expanduser() if is_text else self.fault(key, value, "wanted a path")
        return self._scalar(hint, value, key)

    def _construct(
        self, cls: type[Any], fields: Mapping[str, Any], arguments: dict[str, Any], key: str
    ) -> Any:
        missing = [
            name
            for name, f in fields.items()
            if name not in arguments
            and f.default is dataclasses.MISSING
            and f.default_factory is dataclasses.MISSING
        ]
        for name in missing:
            self.faults.append(f"{_join(key, name)}: is required and not set")
        if missing or any(value is _INVALID for value in arguments.values()):
            return _INVALID
        try:
            made = cls(**arguments)
        except ConfigError as error:
            self.faults += [_join(key, fault) for fault in error.faults]
        except (PoseAlignError, ValueError, TypeError) as error:
            self.faults.append(f"{key or cls.__name__}: {error}")
        else:
            faults = [_join(key, fault) for fault in self._check(made)]
            self.faults += faults
            return _INVALID if faults else made
        return _INVALID

    def _union(self, hints: Sequence[Any], value: Any, key: str) -> Any:
        if value is None and type(None) in hints:
            return None
        options = [hint for hint in hints if hint is not type(None)]
        for hint in options:
            trial = Converter(self._origin, self._check)
            result = trial.value(hint, value, key)
            if not trial.faults:
                return result
        if len(options) == 1:
            return self.value(options[0], value, key)
        wanted = " or ".join(type_text(hint) for hint in options)
        return self.fault(key, value, f"wanted {wanted}")

    def _collection(self, kind: Any, hints: Sequence[Any], value: Any, key: str) -> Any:
        if not isinstance(value, list | tuple | set | frozenset):
            return self.fault(key, value, f"wanted a list, each {type_text(hints[0])}")
        items = list(value)
        if kind is tuple and len(hints) > 1 and hints[-1] is not Ellipsis:
            if len(items) != len(hints):
                return self.fault(key, value, f"wanted {len(hints)} items, found {len(items)}")
            kinds = list(hints)
        else:
            kinds = [hints[0]] * len(items)
        made = [
            self.value(h, v, f"{key}[{i}]")
            for i, (h, v) in enumerate(zip(kinds, items, strict=True))
        ]
        if any(item is _INVALID for item in made):
            return _INVALID
        return frozenset(made) if kind is frozenset else list(made) if kind is list else tuple(made)

    def _mapping(self, hints: Sequence[Any], value: Any, key: str) -> Any:
        if not isinstance(value, Mapping):
            return self.fault(key, value, "wanted named values, like {a: 1}")
        made = {str(k): self.value(hints[1], v, _join(key, str(k))) for k, v in value.items()}
        return _INVALID if any(item is _INVALID for item in made.values()) else made

    def _scalar(self, hint: Any, value: Any, key: str) -> Any:
        if hint is float and type(value) is int:
            return float(value)
        if type(value) is hint:
            return value
        return self.fault(key, value, f"wanted {type_text(hint)}, found {_kind(value)}")

    def _choice(self, choices: Sequence[Any], value: Any, key: str) -> Any:
        return self.fault(key, value, f"wanted {one_of(choices)}{_close(value, choices)}")

    def _unknown(self, key: str, value: Any, name: str, known: Mapping[str, Any]) -> None:
        hint = _close(name, list(known)) or f"; known here: {', '.join(known)}"
        self.fault(key, value, f"no such key{hint}")


def to_plain(value: Any) -> Any:  # noqa: PLR0911 - one per kind
    """A dataclass as values that YAML and JSON can hold; sets come out sorted.

    The fields marked `OPEN` are written beside the others, as they are read.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain: dict[str, Any] = {}
        for field in dataclasses.fields(value):
            item = to_plain(getattr(value, field.name))
            plain |= item if field.metadata.get("open") else {field.name: item}
        return plain
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | set):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _close(value: Any, choices: Sequence[Any]) -> str:
    matches = difflib.get_close_matches(str(value), [str(c) for c in choices], n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a section"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else SCALARS.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
