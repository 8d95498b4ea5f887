"""What a run may cost: a request begins only if its worst case still fits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from posealign_core.errors import JudgeError

if TYPE_CHECKING:
    from posealign_core.judge.engine import Usage
    from posealign_core.judge.settings import Price

__all__ = ["CHARS_PER_TOKEN", "Budget", "BudgetExhaustedError", "estimated_tokens"]

CHARS_PER_TOKEN = 4.0
"""English text, roughly; used for estimates before the first reply only."""


class BudgetExhaustedError(JudgeError):
    """The next request could cost more than is left."""


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has."""
    return round(len(text) / CHARS_PER_TOKEN) + 1


class Budget:
    """Money spent and money promised to requests in flight.

    Args:
        price: What tokens cost; None makes all free.
        max_cost: The most to spend, or None.

    Attributes:
        spent: What the replies so far cost.
    """

    def __init__(self, price: Price | None, max_cost: float | None) -> None:
        self._price = price
        self._max_cost = max_cost
        self._promised = 0.0
        self._in_flight = 0
        self._settled = asyncio.Condition()
        self.spent = 0.0

    async def reserve(self, prompt: str, max_tokens: int) -> float:
        """Promise the worst case of a request, waiting for those in flight where it must.

        Twice the estimated prompt covers texts with shorter tokens.

        Raises:
            BudgetExhaustedError: It does not fit even when nothing is in flight.
        """
        if self._price is None:
            return 0.0
        worst = self._price.cost(tokens_in=2 * estimated_tokens(prompt), tokens_out=max_tokens)
        async with self._settled:
            while self._max_cost is not None and self._total + worst > self._max_cost:
                if self._in_flight == 0:
                    raise BudgetExhaustedError(
                        f"spent {self.spent:.4f} of {self._max_cost:.4f}, and the next request "
                        f"could cost {worst:.4f}; raise --max-cost and run again to go on"
                    )
                await self._settled.wait()
            self._promised += worst
            self._in_flight += 1
        return worst

    @property
    def _total(self) -> float:
        return self.spent + self._promised

    async def settle(self, promised: float, usage: Usage | None) -> float:
        """Replace a promise by what the reply cost (nothing without one), and return that."""
        if self._price is None:
            return 0.0
        cost = 0.0
        if usage is not None:
            cost = self._price.cost(
                tokens_in=usage.tokens_in,
                tokens_out=usage.tokens_out,
                tokens_cached=usage.tokens_cached,
            )
        async with self._settled:
            self._promised -= promised
            self._in_flight -= 1
            self.spent += cost
            self._settled.notify_all()
        return cost
