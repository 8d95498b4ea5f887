"""Panels of the probes that were run on runs: whatever lies in their `probes/` folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.evaluation.probes.result import load_probe
from posealign_core.report.plots import Curve, curve_plot
from posealign_core.report.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posealign_core.evaluation.probes.result import ProbeResult, ProbeRow
    from posealign_core.report.scores import RunGroup
    from posealign_core.report.tables import Cell

__all__ = ["probe_curves", "probe_table", "read_probes"]

_SHARES = ("share", "score")
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


def probe_curves(probed: Sequence[Probed]) -> str:
    """A probe's shares over its axis, one curve per run, benchmark, subset and measure, as SVG."""
    curves = [curve for who, result in probed for curve in _curves(who, result)]
    return curve_plot(curves, probed[0][1].axis) if curves else ""


def _curves(who: str, result: ProbeResult) -> Iterator[Curve]:
    placed: dict[str, list[ProbeRow]] = {}
    for row in result.rows:
        if row.x is not None and row.unit in _SHARES:
            name = f"{who}: {row.benchmark}, {row.subset.replace('_', '-')}, {row.measure}"
            placed.setdefault(name, []).append(row)
    for name, rows in placed.items():
        points = sorted(((row.x or 0.0, row.estimate) for row in rows), key=lambda point: point[0])
        yield Curve(name, points)
