"""A judge in this process that does what a test says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from posealign_core.judge.engine import Ask, Judge, Reply, Usage
from posealign_core.judge.verdict import JudgeIdentity

if TYPE_CHECKING:
    from collections.abc import Callable


class ScriptedJudge(Judge):
    """Calls `script(ask, n_calls_before)`; raises what it returns if that is an exception."""

    def __init__(
        self, script: Callable[[Ask, int], Reply | Exception], resolved: str = "s"
    ) -> None:
        self.script = script
        self.asked: list[tuple[str, int]] = []
        self.resolved = resolved
        self.in_flight = self.most_in_flight = 0
        self.closed = False

    async def open(self) -> JudgeIdentity:
        return JudgeIdentity(engine="scripted", model="s", resolved=self.resolved)

    async def ask(self, ask: Ask) -> Reply:
        self.asked.append((ask.request.key, ask.index))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        n_before = len(self.asked) - 1
        await asyncio.sleep(0)
        self.in_flight -= 1
        outcome = self.script(ask, n_before)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def close(self) -> None:
        self.closed = True


def says_correct(ask: Ask, _: int = 0) -> Reply:
    usage = Usage(tokens_in=100, tokens_out=10)
    return Reply(text=ask.prompt.order.letters[0], usage=usage)
