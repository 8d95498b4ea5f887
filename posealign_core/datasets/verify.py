"""Checking a tree: every missing or damaged file by name, not only the first."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from posealign_core.datasets.jobs import run_on_scans
from posealign_core.datasets.manifest import PUBLISHED_COUNTS
from posealign_core.errors import PoseAlignError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posealign_core.benchmarks.base import Benchmark
    from posealign_core.datasets.base import Dataset

__all__ = ["Finding", "Severity", "verify_benchmark", "verify_dataset"]

T = TypeVar("T")


class Severity(str, Enum):
    """How bad a finding is."""

    ERROR = "error"
    """A file is missing or damaged."""
    WARNING = "warning"
    """The files can be used, but are not quite what was expected."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong with a tree.

    Attributes:
        severity: How bad it is.
        message: What was wanted, what was found, and where.
    """

    severity: Severity
    message: str


def verify_dataset(dataset: Dataset, splits: Sequence[str], *, jobs: int) -> list[Finding]:
    """Read every file of a data set.

    Args:
        dataset: The data set.
        splits: Splits whose scans must be there, beside those that are.
        jobs: Processes to use.

    Returns:
        What is wrong, with the lists, scan by scan, then with the rest of the tree; each once.
    """
    findings: list[Finding] = []
    scene_ids: set[str] = set()
    for split in (None, *splits):
        names = _read(partial(dataset.scene_ids, split), findings)
        scene_ids |= set(names or ())
    if not scene_ids:
        message = f"{dataset.root}: wanted scans, found none; check the folder"
        findings.append(Finding(severity=Severity.ERROR, message=message))
    work = partial(_check_scan, dataset)
    for outcome in run_on_scans(work, sorted(scene_ids), jobs=jobs, title="checking scans"):
        findings += outcome.result or []
    for check in dataset.tree_checks():
        _read(check, findings)
    return list(dict.fromkeys(findings))


def verify_benchmark(benchmark: Benchmark, splits: Sequence[str]) -> list[Finding]:
    """Read the annotation files of a benchmark and count their queries.

    Args:
        benchmark: The benchmark.
        splits: Splits that must be there; those that it usually comes in where empty.
    """
    findings: list[Finding] = []
    for split in splits or benchmark.splits():
        queries = _read(partial(benchmark.queries, split), findings)
        published = PUBLISHED_COUNTS.get((benchmark.name, split))
        if queries is not None and published not in {None, len(queries)}:
            message = (
                f"{benchmark.name} {split}: {len(queries)} queries, the published files have "
                f"{published}; this is another version"
            )
            findings.append(Finding(severity=Severity.WARNING, message=message))
    return findings


def _check_scan(dataset: Dataset, scene_id: str) -> list[Finding]:
    findings: list[Finding] = []
    for check in dataset.file_checks(scene_id):
        _read(check, findings)
    if not findings:
        # The files are whole one by one; now whether they fit together.
        _read(partial(dataset.scene, scene_id), findings)
    _read(partial(dataset.trajectory, scene_id), findings)
    return findings


def _read(check: Callable[[], T], findings: list[Finding]) -> T | None:
    """Do one check and note what is wrong."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result: T | None = check()
        except PoseAlignError as error:
            findings.append(Finding(severity=Severity.ERROR, message=str(error)))
            result = None
    findings += [Finding(severity=Severity.WARNING, message=str(w.message)) for w in caught]
    return result
