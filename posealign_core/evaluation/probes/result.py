"""What a probe of a finished run found: one schema for all probes."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from posealign_core.atomic import write_text
from posealign_core.errors import DataError
from posealign_core.evaluation.statistics import Estimate, PairedDifference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["ProbeResult", "ProbeRow", "Unit", "load_probe", "save_probe"]

SCHEMA_VERSION = 1
Unit = Literal["share", "score", "degrees", "metres", "number"]
"""How a value reads: a share or a score (both fractions of 1, but for CIDEr's 10), or as it is."""


@dataclass(frozen=True, kw_only=True)
class ProbeRow:
    """One figure.

    Attributes:
        benchmark: Whose questions were asked.
        label: How they were asked, in words: `"world turned by 90 degrees"`.
        measure: What is averaged over them: a metric's name, `"same answer"`, ...
        estimate: The average with n and its 95 % interval, by bootstrap over scenes.
        unit: How it reads.
        subset: Which of the questions: `"all"`, `"direction_critical"`, `"other"`, ...
        difference: To the same questions asked as `ProbeResult.baseline` says; None where that
            makes no sense.
        expected: What a model has that uses the pose as it should; None where that is not known.
        x: Place on the probe's axis; None off it.
    """

    benchmark: str
    label: str
    measure: str
    estimate: Estimate
    unit: Unit = "score"
    subset: str = "all"
    difference: PairedDifference | None = None
    expected: float | None = None
    x: float | None = None


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """What one probe found; `probes/<name>.json` in the run's folder.

    Attributes:
        name: Name on the command line.
        title: A heading.
        shows: What it shows, in a sentence.
        run_id: The run.
        protocols: By benchmark, the rules of scoring as `name version n`.
        rows: The figures, benchmark by benchmark, in the order to be shown.
        baseline: What `ProbeRow.difference` is to.
        axis: What `ProbeRow.x` is, with its unit; `""` where the probe is no curve.
        remarks: What a reader must know, by subject: why a benchmark was left out, for example.
        schema_version: Version of this record.
    """

    name: str
    title: str
    shows: str
    run_id: str
    protocols: Mapping[str, str]
    rows: tuple[ProbeRow, ...]
    baseline: str = "the run"
    axis: str = ""
    remarks: Mapping[str, str] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


def save_probe(path: Path, result: ProbeResult) -> None:
    """Write a probe's result as JSON."""
    write_text(path, json.dumps(dataclasses.asdict(result), indent=2) + "\n")


def load_probe(path: Path) -> ProbeResult:
    """Read a probe's result.

    Raises:
        DataError: The file is missing, damaged or of another schema version.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if values["schema_version"] != SCHEMA_VERSION:
            raise DataError(
                f"{path}: wanted schema version {SCHEMA_VERSION}, found "
                f"{values['schema_version']!r}; probe again with 'posealign probe'"
            )
        values["rows"] = tuple(_row(row) for row in values["rows"])
        return ProbeResult(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is no result of a probe ({error}); probe again") from error


def _row(values: dict[str, Any]) -> ProbeRow:
    paired = values["difference"]
    if paired is not None:
        paired = PairedDifference(**{**paired, "difference": Estimate(**paired["difference"])})
    estimate = Estimate(**values["estimate"])
    return ProbeRow(**{**values, "estimate": estimate, "difference": paired})
