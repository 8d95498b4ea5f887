"""Typed access to the entries of annotation files, with errors that say which entry is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from posealign_core.datasets.files import read_json, read_json_lines
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Entry", "entries_of", "object_ids_of", "read_entries"]


class Entry:
    """One entry of an annotation file.

    Args:
        values: The entry as parsed.
        where: File and place in it, for messages.

    Raises:
        DataError: The entry is no mapping. Each method raises it for a field that is missing or
            of another type.
    """

    def __init__(self, values: Any, where: str) -> None:
        if not isinstance(values, Mapping):
            raise DataError(f"{where}: wanted an object with named fields, found {values!r:.80}")
        self.values: Mapping[str, Any] = values
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def get(self, *keys: str) -> Any:
        """The value under the first of several spellings that is there."""
        for key in keys:
            if key in self.values:
                return self.values[key]
        wanted = " or ".join(map(repr, keys))
        raise DataError(f"{self.where}: wanted a field {wanted}, found {sorted(self.values)}")

    def text(self, *keys: str) -> str:
        """A text field; numbers are taken as their text."""
        value = self.get(*keys)
        if not isinstance(value, str | int | float):
            raise self.wrong(keys, "text", value)
        return str(value)

    def integer(self, *keys: str) -> int:
        """An integer field; upstream files write some of them as text."""
        value = self.get(*keys)
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.wrong(keys, "an integer", value) from error
        if isinstance(value, float) and value != number:
            raise self.wrong(keys, "an integer", value)
        return number

    def number(self, *keys: str) -> float:
        """A number."""
        value = self.get(*keys)
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.wrong(keys, "a number", value) from error

    def texts(self, *keys: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.get(*keys)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(keys, "a list of texts", value)
        return tuple(value)

    def integers(self, *keys: str) -> tuple[int, ...]:
        """A list of integers."""
        value = self.get(*keys)
        try:
            return tuple(int(item) for item in value)
        except (TypeError, ValueError, OverflowError) as error:
            raise self.wrong(keys, "a list of integers", value) from error

    def wrong(self, keys: tuple[str, ...], wanted: str, found: Any) -> DataError:
        """The error for a field of the wrong kind."""
        return DataError(f"{self.where}: wanted {keys[0]!r} as {wanted}, found {found!r:.80}")


def entries_of(values: Any, path: Path) -> list[Entry]:
    """Wrap the entries of a parsed list.

    Raises:
        DataError: It is no list, or an entry is no mapping.
    """
    if not isinstance(values, list):
        raise DataError(f"{path}: wanted a list of entries, found {type(values).__name__}")
    return [Entry(value, f"{path}, entry {i}") for i, value in enumerate(values)]


def read_entries(path: Path) -> list[Entry]:
    """Read the entries of a JSON list, or of a file with one JSON object per line.

    Raises:
        DataError: The file is missing or damaged.
    """
    with_lines = path.suffix == ".jsonl"
    return entries_of(read_json_lines(path) if with_lines else read_json(path), path)


def object_ids_of(value: Any, where: str) -> tuple[int, ...]:
    """Object ids of a field that upstream files fill in several ways (3d_llava spec 8.5).

    Args:
        value: An id, a list of ids, -1, an empty list, or None: the last three mean no object.
        where: File and place, for messages.

    Raises:
        DataError: It is anything else.
    """
    items = value if isinstance(value, list) else [value]
    try:
        return tuple(int(item) for item in items if item is not None and int(item) != -1)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{where}: wanted object ids, found {value!r:.80}") from error
