"""Whether there is time for another run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock"]


class Clock:
    """Says whether another run fits into a time budget; the first always does.

    Args:
        minutes: The budget, from now on.
        now: Gives the time in seconds.
    """

    def __init__(self, minutes: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began_s = now()
        self._budget_s = 60 * minutes
        self._longest_s = 0.0
        self._is_first = True

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return self._now() - self._began_s

    def may_begin(self) -> bool:
        """Whether a run that takes as long as the longest so far would end in time."""
        fits = self._is_first or self.elapsed_s + self._longest_s < self._budget_s
        self._is_first = False
        return fits

    def note(self, seconds: float) -> None:
        """Take down how long a run took."""
        self._longest_s = max(self._longest_s, seconds)
