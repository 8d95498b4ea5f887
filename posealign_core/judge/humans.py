"""A judge against people: what its errors are, and what they do to its accuracy (judge spec 7)."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from posealign_core.errors import DataError
from posealign_core.judge.accuracy import draws_by_key, majority
from posealign_core.judge.agreement import agreement, corrected_accuracy, krippendorff_alpha
from posealign_core.judge.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from posealign_core.judge.verdict import Verdict

__all__ = ["MIN_KAPPA", "human_report", "read_human_labels"]

MIN_KAPPA = 0.7
"""Below this agreement with people, a judge's accuracy should not be quoted."""
_WORDS = {"1": True, "true": True, "0": False, "false": False}
_DECIDED = {Status.CORRECT: True, Status.INCORRECT: False}


def read_human_labels(path: Path) -> dict[str, list[bool]]:
    """People's verdicts by key, in the order of the file; a key may have several lines.

    Args:
        path: CSV with the columns `key` and `correct` (1 or 0); others are ignored.

    Raises:
        DataError: The file is missing, or a line has another form.
    """
    labels: dict[str, list[bool]] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                key, word = row.get("key"), (row.get("correct") or "").strip().lower()
                if not key or word not in _WORDS:
                    raise DataError(f"{path}: line {number}: wanted a key, and 1 or 0 for correct")
                labels.setdefault(key, []).append(_WORDS[word])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot read people's verdicts ({error})") from error
    return labels


def human_report(verdicts: Sequence[Verdict], people: Mapping[str, list[bool]]) -> dict[str, Any]:
    """Compare a judge with the first of the people who looked at each answer.

    Raises:
        DataError: They have no decided answer in common.
    """
    statuses = {key: majority(draws) for key, draws in draws_by_key(verdicts).items()}
    judged = {key: _DECIDED[status] for key, status in statuses.items() if status in _DECIDED}
    common = [key for key in judged if key in people]
    found = agreement([judged[key] for key in common], [people[key][0] for key in common])
    sensitivity = _share(found.both, found.both + found.only_second)
    specificity = _share(found.neither, found.neither + found.only_first)
    accuracy = sum(judged.values()) / len(judged)
    corrected = None
    if sensitivity is not None and specificity is not None and sensitivity + specificity > 1:
        corrected = corrected_accuracy(accuracy, sensitivity=sensitivity, specificity=specificity)
    return {
        "n": found.n,
        "observed": found.observed,
        "kappa": found.kappa,
        "kappa_error": found.kappa_error,
        "ac1": found.ac1,
        "alpha_among_all": krippendorff_alpha([judged[key], *people[key]] for key in common),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "accuracy": accuracy,
        "corrected_accuracy": corrected,
        "may_be_quoted": found.kappa is not None and found.kappa >= MIN_KAPPA,
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
