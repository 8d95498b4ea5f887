"""The files of a run in progress: verdicts so far, calls made, and the way back after a kill."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import write_text
from posealign_core.judge.lines import append_lines, drop_cut_line
from posealign_core.judge.verdict import Verdict, read_verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Journal"]

BATCH = 64
BATCH_S = 1.0


class Journal:
    """Appends verdicts to `<name>.part.jsonl` and calls to `<name>.calls.jsonl`.

    A batch is on disk after 64 verdicts or one second, whichever is first; a kill costs at most
    that, and what the cache holds of it is not asked again.

    Args:
        path: The verdict file that the run will end in.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_suffix(".part.jsonl")
        self._calls_path = path.with_suffix(".calls.jsonl")
        self._verdicts: list[dict[str, Any]] = []
        self._calls: list[dict[str, Any]] = []
        self._flushed_s = time.monotonic()

    def earlier(self) -> list[Verdict]:
        """Verdicts of earlier attempts, finished or not; the newest of each draw."""
        drop_cut_line(self._part)
        drop_cut_line(self._calls_path)
        newest: dict[tuple[str, int], Verdict] = {}
        for path in (self.path, self._part):
            if path.is_file():
                newest |= {(v.key, v.draw): v for v in read_verdicts(path, newest_wins=True)}
        return list(newest.values())

    def add(self, verdict: Verdict) -> None:
        """Take a verdict."""
        self._verdicts.append(verdict.to_record())
        if len(self._verdicts) >= BATCH or time.monotonic() - self._flushed_s >= BATCH_S:
            self.flush()

    def add_call(self, record: dict[str, Any]) -> None:
        """Take the record of a call; it goes to disk with the next verdicts."""
        self._calls.append(record)

    def flush(self) -> None:
        """Put on disk what was taken."""
        if self._calls:
            append_lines(self._calls_path, self._calls)
        if self._verdicts:
            append_lines(self._part, self._verdicts)
        self._calls, self._verdicts = [], []
        self._flushed_s = time.monotonic()

    def finish(self, verdicts: Iterable[Verdict]) -> None:
        """Write the verdict file in one step, and drop the unfinished one."""
        self.flush()
        write_text(self.path, "".join(json.dumps(v.to_record()) + "\n" for v in verdicts))
        self._part.unlink(missing_ok=True)
