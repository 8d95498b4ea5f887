"""Panels of the probes that were run on runs: whatever lies in their `probes/` folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.evaluation.probes.result import load_probe
from posealign_core.report.plots import Curve, curve_plot
from posealign_core.report.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.evaluation.probes.result import ProbeResult, ProbeRow
    from posealign_core.report.scores import RunGroup
    from posealign_core.report.tables import Cell

__all__ = ["probe_curves", "probe_table", "read_probes"]

_SHARES = ("share", "score")
_TELLING = "direction_critical"
Probed = tuple[str, "ProbeResult"]
"""Whose result it is, in words, and the result."""


def read_probes(groups: Sequence[RunGroup]) -> dict[str, list[Probed]]:
    """All results of probes, by the probe's name, in the order of the runs.

    Raises:
        DataError: A file is damaged.
    """
    found: dict[str, list[Probed]] = {}
    for group in groups:
        for run in group.runs:
            who = f"{group.label}, seed {run.seed}" if len(group.runs) > 1 else group.label
            for path in sorted(run.folder.path.glob("probes/*.json")):
                result = load_probe(path)
                found.setdefault(result.name, []).append((who, result))
    return found


def probe_table(probed: Sequence[Probed]) -> Table:
    """One probe on all runs."""
    first = probed[0][1]
    rows = [(who, row) for who, result in probed for row in result.rows]
    has_others = any(row.unit not in _SHARES for _, row in rows)
    remarks = {f"{k}: {v}": None for _, result in probed for k, v in result.remarks.items()}
    return Table(
        key=f"probe_{first.name}",
        title=first.title,
        columns=(
            Column("Run"),
            Column("Benchmark"),
            Column("Questions"),
            Column("Asked how"),
            Column("Measure"),
            Column("Value, %", "percent"),
            *((Column("Value", "number"), Column("Unit")) if has_others else ()),
            Column("To the run", "points"),
            Column("p", "p_value"),
            Column("Expected, %", "percent"),
            Column("n", "count"),
        ),
        rows=tuple(_row(who, row, has_others=has_others) for who, row in rows),
        note=". ".join([first.shows.rstrip("."), *remarks]) + ".",
    )


def _row(who: str, row: ProbeRow, *, has_others: bool) -> tuple[Cell, ...]:
    is_share = row.unit in _SHARES
    value: tuple[Cell, ...] = (row.estimate if is_share else None,)
    if has_others:
        value += (None, None) if is_share else (row.estimate, row.unit)
    return (
        who,
        row.benchmark,
        row.subset.replace("_", "-"),
        row.label,
        row.measure,
        *value,
        row.difference.difference if row.difference else None,
        row.difference.p_value if row.difference else None,
        row.expected,
        row.estimate.n,
    )


def probe_curves(probed: Sequence[Probed]) -> dict[str, str]:
    """A probe's shares over its axis as SVG, by what they are of; one curve per run and measure.

    Each benchmark has a plot: of the questions that need a direction, or of all where it has none.
    """
    placed: dict[str, dict[str, list[ProbeRow]]] = {}
    for who, result in probed:
        told = {row.benchmark for row in result.rows if row.subset == _TELLING}
        for row in result.rows:
            subset = _TELLING if row.benchmark in told else "all"
            if row.x is not None and row.unit in _SHARES and row.subset == subset:
                title = f"{row.benchmark}, {subset.replace('_', '-')} questions"
                curves = placed.setdefault(title, {})
                curves.setdefault(f"{who}: {row.measure}", []).append(row)
    axis = probed[0][1].axis
    return {
        title: curve_plot([_curve(name, rows) for name, rows in curves.items()], axis)
        for title, curves in placed.items()
    }


def _curve(name: str, rows: Sequence[ProbeRow]) -> Curve:
    points = [(row.x or 0.0, row.estimate) for row in rows]
    return Curve(name, sorted(points, key=lambda point: point[0]))
