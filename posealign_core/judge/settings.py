"""The settings of a judging run, checked together."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from posealign_core.errors import ConfigError
from posealign_core.judge.digest import digest
from posealign_core.judge.sampling import LabelOrder, Sampling
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from posealign_core.judge.request import JudgeRequest

__all__ = ["JudgeSettings", "LabelRule", "Limits", "Price"]


class LabelRule(str, Enum):
    """Which letter means "correct"."""

    AB = "ab"
    """A for all requests (the published form)."""
    BA = "ba"
    """B for all requests."""
    HASH = "hash"
    """Either, as the key's hash decides: a judge that prefers a letter gains nothing."""

    def order_of(self, request: JudgeRequest) -> LabelOrder:
        """The order for one request; the same for every model that is judged."""
        if self is not LabelRule.HASH:
            return LabelOrder(self.value)
        even = int(digest([request.benchmark, request.key]), 16) % 2 == 0
        return LabelOrder.AB if even else LabelOrder.BA


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a million tokens cost, in any one currency.

    Attributes:
        tokens_in: Prompt tokens.
        tokens_out: Generated tokens.
        tokens_cached: Prompt tokens out of a prefix cache; None costs them like the others.
    """

    tokens_in: float = 0.0
    tokens_out: float = 0.0
    tokens_cached: float | None = None

    def cost(self, *, tokens_in: int, tokens_out: int, tokens_cached: int = 0) -> float:
        """The price of one reply."""
        cached_price = self.tokens_in if self.tokens_cached is None else self.tokens_cached
        fresh = tokens_in - tokens_cached
        total = fresh * self.tokens_in + tokens_cached * cached_price + tokens_out * self.tokens_out
        return total / 1e6


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How hard to press the judge, and when to give up.

    Attributes:
        in_flight: Most requests at once.
        per_second: Most requests begun per second, or None.
        timeout_s: Longest wait for one reply, seconds.
        tries: Tries per reply before it counts as an error.
        backoff_s: Wait before the second try; it doubles from try to try, with jitter.
        max_backoff_s: Longest such wait, and the longest that a server may ask for.
        failures_in_a_row: So many errors without a reply between them end the run: the judge is
            taken for dead.
        max_cost: The run ends before it costs more than this, or None.
    """

    in_flight: int = 64
    per_second: float | None = None
    timeout_s: float = 300.0
    tries: int = 6
    backoff_s: float = 0.5
    max_backoff_s: float = 60.0
    failures_in_a_row: int = 20
    max_cost: float | None = None

    def faults(self) -> list[str]:
        """What is wrong with the values."""
        faults = [
            f"{name}: wanted at least 1, found {getattr(self, name)}"
            for name in ("in_flight", "tries", "failures_in_a_row")
            if getattr(self, name) < 1
        ]
        if not self.timeout_s > 0:
            faults.append(f"timeout_s: wanted more than 0, found {self.timeout_s}")
        if self.per_second is not None and not self.per_second > 0:
            faults.append(f"per_second: wanted more than 0, found {self.per_second}")
        return faults


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """All of them.

    Attributes:
        sampling: How the judge is sampled.
        draws: Verdicts per request; odd, so that a majority exists.
        label_rule: Which letter means "correct".
        fidelity: `RELEASED` reads replies as the published graders do, without a second chance.
        redraws: Further draws when a reply is no verdict; with the same temperature, since a
            warmer judge would be another judge for just the hard items.
        limits: How hard to press.
        price: What tokens cost.

    Raises:
        ConfigError: The values contradict each other.
    """

    sampling: Sampling = field(default_factory=Sampling)
    draws: int = 1
    label_rule: LabelRule = LabelRule.HASH
    fidelity: Fidelity = Fidelity.CORRECT
    redraws: int = 3
    limits: Limits = field(default_factory=Limits)
    price: Price | None = None

    def __post_init__(self) -> None:
        faults = self.limits.faults()
        if self.draws < 1 or self.draws % 2 == 0:
            faults.append(
                f"draws: wanted an odd number, so that a majority exists, found {self.draws}"
            )
        if self.draws > 1 and self.sampling.temperature == 0:
            faults.append("draws: several draws at temperature 0 are one draw; set a temperature")
        if self.limits.max_cost is not None and self.price is None:
            faults.append("max_cost: wanted the price of tokens beside it, found none")
        if faults:
            raise ConfigError(faults, source="judge settings")

    @classmethod
    def released(cls, *, limits: Limits | None = None, price: Price | None = None) -> JudgeSettings:
        """As the published graders work: one draw at temperature 1, A is correct, no redraws."""
        return cls(
            sampling=Sampling(temperature=1.0, seed=None, max_tokens=8192),
            label_rule=LabelRule.AB,
            fidelity=Fidelity.RELEASED,
            redraws=0,
            limits=Limits() if limits is None else limits,
            price=price,
        )
