"""Files that are either whole or not there, whenever the process is killed."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from posealign_core.errors import PoseAlignError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["atomic_path", "make_folder", "write_text"]


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; it takes the place of `path` when all went well.

    Args:
        path: The file to make or to replace; its folder is made where needed.

    Raises:
        PoseAlignError: The folder or the file cannot be written.
    """
    make_folder(path.parent)
    try:
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent
        )
    except OSError as error:
        raise _unwritable(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step.

    Raises:
        PoseAlignError: It cannot be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises:
        PoseAlignError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> PoseAlignError:
    reason = error.strerror or str(error)
    return PoseAlignError(f"cannot write {str(path)!r}: {reason}; choose another output folder")
