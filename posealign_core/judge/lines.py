"""Files of JSON lines: strict reading, and appending that survives a kill."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import make_folder
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["append_lines", "drop_cut_line", "read_lines"]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read one object per line.

    Raises:
        DataError: The file is missing, is not UTF-8, or a line holds no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: wanted a file of JSON lines: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: wanted UTF-8, found other bytes at {error.start}") from error
    records = []
    # Not splitlines(): it also breaks at characters that JSON allows inside a string.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            records.append(_parse(path, number, line))
    return records


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{path}: line {number} is damaged ({error})") from error
    if not isinstance(record, dict):
        raise DataError(f"{path}: line {number}: wanted a JSON object, found {line[:40]!r}")
    return record


def append_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Add records; when this returns they are on disk."""
    make_folder(path.parent)
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(record) + "\n" for record in records))
        file.flush()
        os.fsync(file.fileno())


def drop_cut_line(path: Path) -> None:
    """Cut off a last line that a kill interrupted while it was written."""
    if not path.is_file():
        return
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
