"""Which questions need a direction, as files: frozen, so that subsets stay what they were."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import write_text
from posealign_core.errors import DataError
from posealign_core.judge.accuracy import draws_by_key, majority
from posealign_core.judge.agreement import agreement
from posealign_core.judge.lines import read_lines
from posealign_core.judge.verdict import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from posealign_core.judge.agreement import Agreement
    from posealign_core.judge.verdict import Verdict

__all__ = ["label_agreement", "labels_of_verdicts", "read_labels", "write_labels"]

_LABELS = {Status.CORRECT: True, Status.INCORRECT: False}


def labels_of_verdicts(verdicts: Iterable[Verdict]) -> dict[str, bool | None]:
    """What a labelling judge said, by key; None where it did not say."""
    return {key: _LABELS.get(majority(draws)) for key, draws in draws_by_key(verdicts).items()}


def label_agreement(
    first: Mapping[str, bool | None], second: Mapping[str, bool | None]
) -> Agreement:
    """Compare two labellers on the questions that both labelled.

    Raises:
        DataError: There is none.
    """
    common = [k for k, label in first.items() if label is not None and second.get(k) is not None]
    return agreement([bool(first[k]) for k in common], [bool(second[k]) for k in common])


def write_labels(
    path: Path, labels: Mapping[str, bool | None], *, benchmark: str, split: str, rule: str
) -> None:
    """Write one line per question: its key, the label, and the rule that gave it."""
    lines: list[dict[str, Any]] = [
        {
            "benchmark": benchmark,
            "split": split,
            "key": key,
            "direction_critical": label,
            "rule": rule,
        }
        for key, label in labels.items()
    ]
    write_text(path, "".join(json.dumps(line) + "\n" for line in lines))


def read_labels(path: Path) -> dict[str, bool | None]:
    """Labels by key; keys become text, as numbers do in every other file.

    Raises:
        DataError: The file is damaged, or labels a key twice.
    """
    labels: dict[str, bool | None] = {}
    for line in read_lines(path):
        key, label = str(line.get("key")), line.get("direction_critical")
        if key in labels or not (label is None or isinstance(label, bool)):
            raise DataError(f"{path}: wanted one label, true, false or null, for {key!r}")
        labels[key] = label
    return labels
