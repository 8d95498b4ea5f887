"""Replies by content: what one model was asked once is not asked again in the same way."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from typing import TYPE_CHECKING

from posealign_core.atomic import make_folder
from posealign_core.errors import DataError
from posealign_core.judge.engine import Reply, Usage

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

__all__ = ["ReplyCache"]

_TABLE = "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL)"


class ReplyCache:
    """An SQLite file that several runs may use at once.

    Keys are hashes of everything that reaches the model plus the sample index, never ids of
    questions: two models that give the same answer to a question share a verdict.

    Args:
        path: The file; made where it does not exist.

    Raises:
        DataError: The file is no cache, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        try:
            self._connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute(_TABLE)
        except sqlite3.Error as error:
            raise DataError(f"{path}: cannot use it as a cache of verdicts ({error})") from error

    def __enter__(self) -> ReplyCache:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def get(self, key: str) -> Reply | None:
        """The reply to that key, or None."""
        query = "SELECT reply FROM replies WHERE key = ?"
        row = self._connection.execute(query, (key,)).fetchone()
        if row is None:
            return None
        values = json.loads(row[0])
        return Reply(**{**values, "usage": Usage(**values["usage"])})

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; the first one given stays."""
        values = json.dumps(dataclasses.asdict(reply))
        self._connection.execute("INSERT OR IGNORE INTO replies VALUES (?, ?)", (key, values))
