"""From verdicts to accuracy, with every denominator in the open (judge spec 6.4, J9)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.judge.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from posealign_core.judge.verdict import Verdict

__all__ = ["Accuracy", "caption_accuracies", "draws_by_key", "majority"]

MAX_INVALID_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """Shares of correct answers.

    Attributes:
        n: Expected answers.
        n_missing: Answers that were not given.
        n_invalid: Answers on which the judge gave no verdict.
        n_error: Answers that the judge never replied to.
        n_correct: Answers judged correct.
    """

    n: int
    n_missing: int
    n_invalid: int
    n_error: int
    n_correct: int

    @classmethod
    def of(cls, statuses: Iterable[Status]) -> Accuracy:
        """Count one status per expected answer."""
        counts = Counter(statuses)
        return cls(
            n=counts.total(),
            n_missing=counts[Status.MISSING],
            n_invalid=counts[Status.INVALID],
            n_error=counts[Status.ERROR],
            n_correct=counts[Status.CORRECT],
        )

    @property
    def n_undecided(self) -> int:
        """Answers without a verdict, for whatever reason of the judge's."""
        return self.n_invalid + self.n_error

    @property
    def n_decided(self) -> int:
        """Answers with a verdict."""
        return self.n - self.n_missing - self.n_undecided

    @property
    def strict(self) -> float | None:
        """Correct of all; what is missing or undecided is wrong."""
        return _share(self.n_correct, self.n)

    @property
    def valid(self) -> float | None:
        """Correct of those with a verdict."""
        return _share(self.n_correct, self.n_decided)

    @property
    def upper(self) -> float | None:
        """`strict`, had all undecided answers been correct."""
        return _share(self.n_correct + self.n_undecided, self.n)

    @property
    def coverage(self) -> float | None:
        """Share with a verdict."""
        return _share(self.n_decided, self.n)

    @property
    def complete(self) -> bool:
        """Whether the accuracy may be quoted: no errors, at most 1 % undecided."""
        return self.n_error == 0 and self.n_undecided <= MAX_INVALID_SHARE * self.n


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def draws_by_key(verdicts: Iterable[Verdict]) -> dict[str, list[Status]]:
    """The statuses of all draws, by key, in the order of the file."""
    draws: dict[str, list[Status]] = {}
    for verdict in verdicts:
        draws.setdefault(verdict.key, []).append(verdict.status)
    return draws


def majority(draws: Sequence[Status]) -> Status:
    """What most of the decided draws say; without a majority the answer is undecided."""
    counts = Counter(draws)
    n_correct, n_incorrect = counts[Status.CORRECT], counts[Status.INCORRECT]
    if n_correct != n_incorrect:
        return Status.CORRECT if n_correct > n_incorrect else Status.INCORRECT
    if counts[Status.MISSING]:
        return Status.MISSING
    return Status.ERROR if counts[Status.ERROR] else Status.INVALID


def caption_accuracies(
    statuses: Mapping[str, Status], ious: Mapping[str, float | None]
) -> dict[str, Accuracy]:
    """The four universes in which captions of detected objects are judged.

    Args:
        statuses: By object, over the whole corpus.
        ious: Overlap of the caption's box with the object's, by object; None, or absent, where no
            box was matched with it.

    Returns:
        `corpus`: all objects, without box wrong. `at_0.25` and `at_0.5`: likewise, and wrong below
        that overlap. `matched`: objects with a box only, whatever the overlap (the published form).
    """
    matched = {key for key in statuses if ious.get(key) is not None}

    def at(threshold: float) -> Accuracy:
        return Accuracy.of(
            _at_overlap(status, ious.get(key), threshold) for key, status in statuses.items()
        )

    return {
        "corpus": at(0.0),
        "at_0.25": at(0.25),
        "at_0.5": at(0.5),
        "matched": Accuracy.of(s for key, s in statuses.items() if key in matched),
    }


def _at_overlap(status: Status, iou: float | None, threshold: float) -> Status:
    if iou is None:
        return Status.MISSING
    return status if iou >= threshold else Status.INCORRECT
