"""Finding, reading and writing the small files of a tree, with errors that name the file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["find_file", "locate", "read_json", "read_json_lines", "read_text"]


def locate(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of several spellings of a file that exists in a folder, or None."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def find_file(root: Path, names: Sequence[str]) -> Path:
    """Find a file under one of its official names in a folder, or one folder down.

    Args:
        root: The folder.
        names: Spellings, in order of preference.

    Raises:
        DataError: It is nowhere, or in several folders one level down.
    """
    here = locate(root, names)
    if here is not None:
        return here
    folders = sorted(child for child in root.iterdir() if child.is_dir()) if root.is_dir() else []
    found = [path for path in (locate(folder, names) for folder in folders) if path is not None]
    if len(found) == 1:
        return found[0]
    wanted = " or ".join(map(repr, names))
    if found:
        folders_found = ", ".join(path.parent.name for path in found)
        raise DataError(
            f"{root}: wanted one file {wanted}, found it in {folders_found}; give the one meant"
        )
    raise DataError(
        f"{root}: wanted a file {wanted} there or one folder down, found none; "
        "'posealign data manifest' says where to get it"
    )


def read_text(path: Path) -> str:
    """Read a UTF-8 text file.

    Raises:
        DataError: It is missing, not readable, or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{path}: wanted a file, found none; check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text ({error})") from error


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: It is missing, or not (all of) a JSON document; names the line.
    """
    return _parse(path, read_text(path), 1)


def read_json_lines(path: Path) -> list[Any]:
    """Read a file with one JSON document per line; blank lines are skipped.

    Raises:
        DataError: It is missing, or a line is no JSON document; names the line.
    """
    lines = read_text(path).splitlines()
    return [_parse(path, line, n) for n, line in enumerate(lines, start=1) if line.strip()]


def _parse(path: Path, text: str, first_line: int) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = first_line + getattr(error, "lineno", 1) - 1
        raise DataError(
            f"{path}: wanted JSON, found damage at line {line} ({error}); the file may be cut "
            "short, fetch or make it again"
        ) from error
