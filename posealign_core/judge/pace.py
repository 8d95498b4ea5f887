"""When the next request may begin: rate limit, and the pause that a server asked for."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posealign_core.judge.settings import Limits

__all__ = ["Pace"]


class Pace:
    """Shared by all requests of a run.

    Args:
        limits: Rate and waits.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._interval_s = 0.0 if limits.per_second is None else 1.0 / limits.per_second
        self._next_s = 0.0
        self._jitter = random.Random(0)  # noqa: S311 - spreads waits, guards nothing

    async def turn(self) -> None:
        """Wait until a request may begin."""
        now = asyncio.get_running_loop().time()
        start = max(now, self._next_s)
        self._next_s = start + self._interval_s
        if start > now:
            await asyncio.sleep(start - now)

    async def back_off(self, n_failed: int, retry_after_s: float | None) -> None:
        """Wait after a failed try, twice as long each time, with jitter.

        A longer wait that the server asked for holds back the next `turn` of every request.

        Args:
            n_failed: Failed tries so far, from 1.
            retry_after_s: What the server asked for, seconds.
        """
        longest = self._limits.max_backoff_s
        if retry_after_s is not None:
            asked = min(retry_after_s, longest)
            self._next_s = max(self._next_s, asyncio.get_running_loop().time() + asked)
        wait = min(self._limits.backoff_s * 2 ** (n_failed - 1), longest)
        await asyncio.sleep(wait * self._jitter.uniform(0.5, 1.0))
