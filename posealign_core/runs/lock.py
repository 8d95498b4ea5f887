"""One process at a time: a lock that the system lets go of when its process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from typing import IO, TYPE_CHECKING

from posealign_core.atomic import make_folder
from posealign_core.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["FolderLock"]


class FolderLock:
    """Keeps other processes out of a folder; the same process may take it several times over.

    Args:
        path: The lock file; it holds the number and the machine of the process that took it last.
        wait: Whether to wait for another process instead of refusing.
    """

    def __init__(self, path: Path, *, wait: bool = False) -> None:
        self._path = path
        self._wait = wait
        self._depth = 0

    @contextlib.contextmanager
    def hold(self) -> Iterator[bool]:
        """Hold the lock; gives whether it was taken now, rather than held already.

        Raises:
            BusyError: Another process holds it.
        """
        if self._depth:
            self._depth += 1
            try:
                yield False
            finally:
                self._depth -= 1
            return
        make_folder(self._path.parent)
        with self._path.open("a+", encoding="utf-8") as file:
            self._take(file)
            self._depth = 1
            try:
                yield True
            finally:
                self._depth = 0

    def _take(self, file: IO[str]) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if self._wait else fcntl.LOCK_NB))
        except BlockingIOError as error:
            holder = self._path.read_text(encoding="utf-8").strip() or "another process"
            raise BusyError(
                f"{self._path.parent}: wanted to work on it alone, found {holder} at work; wait "
                "for it to end"
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        file.flush()
