"""How far two or more judges agree, and what a judge's errors do to an accuracy (judge spec 7)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "Agreement",
    "JudgeNoise",
    "agreement",
    "corrected_accuracy",
    "judge_noise",
    "krippendorff_alpha",
]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Two judges on the same answers.

    Attributes:
        both: Both say correct.
        only_first: Only the first does.
        only_second: Only the second does.
        neither: Neither does.
    """

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def n(self) -> int:
        """Answers that both decided."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def observed(self) -> float:
        """Share of equal verdicts."""
        return (self.both + self.neither) / self.n

    @property
    def _by_chance(self) -> float:
        first, second = (
            (self.both + self.only_first) / self.n,
            (self.both + self.only_second) / self.n,
        )
        return first * second + (1 - first) * (1 - second)

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa; None where chance alone gives full agreement."""
        chance = self._by_chance
        return None if math.isclose(chance, 1.0) else (self.observed - chance) / (1 - chance)

    @property
    def kappa_error(self) -> float | None:
        """Large-sample standard error of kappa, with chance agreement taken as known."""
        chance = self._by_chance
        if math.isclose(chance, 1.0):
            return None
        return math.sqrt(self.observed * (1 - self.observed) / self.n) / (1 - chance)

    @property
    def ac1(self) -> float:
        """Gwet's AC1, which stays meaningful when nearly all verdicts are the same."""
        share = (2 * self.both + self.only_first + self.only_second) / (2 * self.n)
        chance = 2 * share * (1 - share)
        return (self.observed - chance) / (1 - chance)

    @property
    def agreement_on_correct(self) -> float | None:
        """Of the verdicts "correct" of either judge, the share that the other shares."""
        return _share(2 * self.both, 2 * self.both + self.only_first + self.only_second)

    @property
    def agreement_on_incorrect(self) -> float | None:
        """Likewise for "incorrect"."""
        return _share(2 * self.neither, 2 * self.neither + self.only_first + self.only_second)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def agreement(first: Sequence[bool], second: Sequence[bool]) -> Agreement:
    """Compare two judges, the second often being people.

    Args:
        first: Whether each answer is correct, by one judge.
        second: By the other, in the same order.

    Raises:
        DataError: There are no common answers, or the numbers differ.
    """
    if not first or len(first) != len(second):
        raise DataError(
            f"agreement: wanted verdicts of both judges on the same answers, found {len(first)} "
            f"and {len(second)}"
        )
    cells = Counter(zip(first, second, strict=True))
    return Agreement(
        both=cells[True, True],
        only_first=cells[True, False],
        only_second=cells[False, True],
        neither=cells[False, False],
    )


def krippendorff_alpha(ratings: Iterable[Sequence[bool | None]]) -> float | None:
    """Krippendorff's alpha for nominal verdicts of any number of judges, some of them missing.

    Args:
        ratings: Per answer, one verdict per judge, None where that judge gave none.

    Returns:
        1 for full agreement, 0 for chance; None where all verdicts are the same or none are paired.
    """
    totals: Counter[bool] = Counter()
    disagreement = 0.0
    for row in ratings:
        counts = Counter(verdict for verdict in row if verdict is not None)
        n_judges = counts.total()
        if n_judges > 1:
            totals += counts
            disagreement += 2 * counts[True] * counts[False] / (n_judges - 1)
    n = totals.total()
    expected = 2 * totals[True] * totals[False] / (n - 1) if n > 1 else 0.0
    return 1 - disagreement / expected if expected else None


@dataclass(frozen=True, kw_only=True)
class JudgeNoise:
    """What the judge's own dice do to an accuracy.

    Attributes:
        n: Answers with at least two decided draws.
        single_draw_error: Standard error that one draw per answer adds to the accuracy.
        mean_error: The one that the mean of all draws adds.
        flip_rate: Probability that two draws on one answer differ.
    """

    n: int
    single_draw_error: float
    mean_error: float
    flip_rate: float


def judge_noise(draws: Iterable[Sequence[bool]]) -> JudgeNoise | None:
    """Measure a judge's noise; None without answers that were drawn twice.

    Args:
        draws: Decided draws per answer.
    """
    repeated = [row for row in draws if len(row) > 1]
    if not repeated:
        return None
    n = len(repeated)
    single = mean = flips = 0.0
    for row in repeated:
        k = len(row)
        p = sum(row) / k
        variance = p * (1 - p)
        single += variance
        mean += variance / k
        flips += 2 * variance * k / (k - 1)
    return JudgeNoise(
        n=n,
        single_draw_error=math.sqrt(single) / n,
        mean_error=math.sqrt(mean) / n,
        flip_rate=flips / n,
    )


def corrected_accuracy(accuracy: float, *, sensitivity: float, specificity: float) -> float:
    """The accuracy that a judge with known errors would have found had it made none.

    Args:
        accuracy: As judged.
        sensitivity: Share of truly correct answers that the judge accepts.
        specificity: Share of truly incorrect answers that it rejects.

    Raises:
        DataError: The judge does no better than chance, so that nothing can be inferred.
    """
    power = sensitivity + specificity - 1
    if power <= 0:
        raise DataError(
            f"bias correction: wanted a judge better than chance, found sensitivity {sensitivity} "
            f"and specificity {specificity}"
        )
    return (accuracy + specificity - 1) / power
