"""One reply from a judge, whatever happens on the way: cache, price, pace, tries, patience."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posealign_core.errors import JudgeError
from posealign_core.judge.budget import Budget
from posealign_core.judge.digest import digest
from posealign_core.judge.engine import RefusedError, UnreachableError, Usage
from posealign_core.judge.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from posealign_core.judge.cache import ReplyCache
    from posealign_core.judge.engine import Ask, Judge, Reply
    from posealign_core.judge.settings import JudgeSettings

__all__ = ["Caller", "Tally"]


@dataclass(kw_only=True)
class Tally:
    """What a run took. All counts are of this run alone.

    Attributes:
        n_replies: Replies that the judge gave.
        n_cached: Replies that came out of the cache.
        n_failed_tries: Tries without a reply.
        tokens_in: Prompt tokens of all replies.
        tokens_cached: How many of these came out of the server's prefix cache.
        tokens_out: Generated tokens of all replies.
        cost: Their price.
    """

    n_replies: int = 0
    n_cached: int = 0
    n_failed_tries: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost: float = 0.0

    def add(self, usage: Usage, cost: float) -> None:
        """Count a reply of the judge."""
        self.n_replies += 1
        self.tokens_in += usage.tokens_in
        self.tokens_cached += usage.tokens_cached
        self.tokens_out += usage.tokens_out
        self.cost += cost


class Caller:
    """Asks an engine. Build it inside the event loop.

    Args:
        judge: The engine, open.
        settings: Limits and price.
        cache: Replies of earlier runs, or None.
        log: Takes a record of every call.

    Attributes:
        tally: What it took so far.
    """

    def __init__(
        self,
        judge: Judge,
        settings: JudgeSettings,
        cache: ReplyCache | None,
        log: Callable[[dict[str, Any]], None],
    ) -> None:
        self._judge = judge
        self._limits = settings.limits
        self._cache = cache
        self._log = log
        self._pace = Pace(settings.limits)
        self._budget = Budget(settings.price, settings.limits.max_cost)
        self._failed_in_a_row = 0
        self.tally = Tally()

    async def reply(self, ask: Ask, request_sha: str) -> Reply:
        """The reply to one prompt.

        Args:
            ask: The prompt.
            request_sha: Hash of everything in it that reaches the model.

        Raises:
            UnreachableError: All tries failed.
            RefusedError: The judge will not answer this one.
            JudgeError: The run cannot go on: the judge is dead or refuses everybody, or the money
                is spent.
        """
        key = digest([request_sha, ask.index])
        found = None if self._cache is None else self._cache.get(key)
        if found is not None:
            self.tally.n_cached += 1
            return found
        reply = await self._paid_reply(ask)
        if self._cache is not None:
            self._cache.put(key, reply)
        return reply

    async def _paid_reply(self, ask: Ask) -> Reply:
        promised = await self._budget.reserve(ask.prompt.text, ask.sampling.max_tokens)
        start = time.perf_counter()
        usage, cost = None, 0.0
        try:
            reply = await self._patient_reply(ask)
            usage = reply.usage
        finally:
            cost = await self._budget.settle(promised, usage)
        self.tally.add(reply.usage, cost)
        self._record(ask, "reply", start, cost=cost, **dataclasses.asdict(reply.usage))
        return reply

    async def _patient_reply(self, ask: Ask) -> Reply:
        for n_tries in range(1, self._limits.tries + 1):
            await self._pace.turn()
            start = time.perf_counter()
            try:
                reply = await asyncio.wait_for(self._judge.ask(ask), self._limits.timeout_s)
            except (UnreachableError, asyncio.TimeoutError) as error:
                failure = self._failure(error)
                self._record(ask, str(failure), start)
                self.tally.n_failed_tries += 1
                if n_tries == self._limits.tries:
                    raise self._give_up(failure) from error
                await self._pace.back_off(n_tries, failure.retry_after_s)
            except RefusedError as error:
                self._record(ask, f"refused: {error}", start)
                raise
            else:
                self._failed_in_a_row = 0
                return reply
        raise AssertionError("the last try returns or raises")

    def _failure(self, error: Exception) -> UnreachableError:
        if isinstance(error, UnreachableError):
            return error
        return UnreachableError(f"no reply within {self._limits.timeout_s:g} s")

    def _give_up(self, failure: UnreachableError) -> JudgeError:
        self._failed_in_a_row += 1
        if self._failed_in_a_row < self._limits.failures_in_a_row:
            return failure
        return JudgeError(
            f"{self._failed_in_a_row} requests in a row failed {self._limits.tries} times each, "
            f"the last with: {failure}"
        )

    def _record(self, ask: Ask, outcome: str, start: float, **more: Any) -> None:
        self._log(
            {
                "key": ask.request.key,
                "index": ask.index,
                "outcome": outcome,
                "latency_s": round(time.perf_counter() - start, 4),
                **more,
            }
        )
