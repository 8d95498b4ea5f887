"""Tables, and the forms that they are written in: Markdown, CSV, plain values, the terminal."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from posealign_core.evaluation.statistics import Estimate, Spread

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table as TerminalTable

__all__ = [
    "Cell",
    "Column",
    "Measured",
    "Table",
    "cell_text",
    "interval_text",
    "spread_text",
    "table_to_json",
    "to_csv",
    "to_markdown",
    "to_terminal",
    "without_empty",
]

Kind = Literal["text", "count", "number", "percent", "points", "p_value"]
"""`percent` shows a share in [0, 1] as per cent, `points` a signed difference of two shares."""


@dataclass(frozen=True)
class Measured:
    """A figure of one or several runs, with both of its uncertainties.

    Attributes:
        estimate: Mean over runs and questions, with its interval over scenes.
        spread: How far apart the runs are.
    """

    estimate: Estimate
    spread: Spread


Cell = str | int | float | Estimate | Measured | None


@dataclass(frozen=True)
class Column:
    """A column's heading and what its cells are.

    Attributes:
        name: Heading.
        kind: How cells are shown.
    """

    name: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """A table with raw values; rounding happens only where it is shown.

    Attributes:
        key: Name of its files.
        title: Heading.
        columns: The columns.
        rows: One cell per column.
        note: What a reader must know to read it.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""


def without_empty(table: Table, names: Sequence[str]) -> Table:
    """The table without those of the named columns in which no row has a value."""
    kept = [
        i
        for i, column in enumerate(table.columns)
        if column.name not in names or any(row[i] is not None for row in table.rows)
    ]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
    )


def cell_text(cell: Cell, kind: Kind) -> str:  # noqa: PLR0911 - one per kind
    """A cell as people read it; an absent value is a dash, an estimate comes with its interval."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "–"
    if isinstance(cell, Measured):
        apart = spread_text(cell, kind)
        return f"{cell_text(cell.estimate, kind)}{f' {apart}' if apart else ''}"
    if isinstance(cell, Estimate):
        return f"{cell_text(cell.mean, kind)} [{interval_text(cell, kind)}]"
    if isinstance(cell, str):
        return cell
    if kind == "percent":
        return f"{100 * cell:.1f}"
    if kind == "points":
        return f"{100 * cell:+.1f}".replace("-", "−")
    if kind == "p_value":
        return "< 0.001" if cell < 0.001 else f"{cell:.3f}"
    return f"{cell:.3g}" if kind == "number" else f"{cell:,}"


def interval_text(cell: Estimate, kind: Kind) -> str:
    """The ends of an interval, or why there is none: one scene says nothing about others."""
    if cell.low is None or cell.high is None:
        return "one scene, no interval" if cell.n_scenes == 1 else "no questions"
    return f"{cell_text(cell.low, kind)}, {cell_text(cell.high, kind)}"


def spread_text(cell: Measured, kind: Kind) -> str:
    """The standard deviation between runs, in the column's unit; `""` for a single run."""
    deviation = cell.spread.deviation
    return "" if deviation is None else f"± {cell_text(deviation, kind).lstrip('+')}"


def to_markdown(table: Table) -> str:
    """The table in Markdown, with its title and note."""
    rule = ("---" if c.kind == "text" else "---:" for c in table.columns)
    lines = [
        f"### {table.title}",
        "",
        *([table.note, ""] if table.note else []),
        _pipe(column.name for column in table.columns),
        _pipe(rule),
        *(_pipe(_texts(table, row)) for row in table.rows),
    ]
    return "\n".join(lines) + "\n"


def to_csv(table: Table) -> str:
    """The table as CSV with unrounded values; estimates take several columns."""
    ends = [_ends([row[i] for row in table.rows]) for i in range(len(table.columns))]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        f"{column.name}{end}"
        for column, own in zip(table.columns, ends, strict=True)
        for end in own
    )
    for row in table.rows:
        values: list[object] = []
        for cell, own in zip(row, ends, strict=True):
            values += map(_without_nul, _spread_out(cell, len(own)))
        writer.writerow(values)
    return text.getvalue()


def _without_nul(value: object) -> object:
    """Python 3.10 writes no NUL into CSV."""
    return value.replace("\0", "\\x00") if isinstance(value, str) else value


def table_to_json(table: Table) -> dict[str, Any]:
    """The table as plain values, unrounded, one mapping per row."""
    names = [column.name for column in table.columns]
    rows = [
        {name: _plain(cell) for name, cell in zip(names, row, strict=True)} for row in table.rows
    ]
    return {"key": table.key, "title": table.title, "note": table.note, "rows": rows}


def to_terminal(table: Table) -> TerminalTable:
    """The table for `rich`."""
    from rich.table import Table as TerminalTable
    from rich.text import Text

    shown = TerminalTable(title=table.title, caption=table.note or None, title_justify="left")
    for column in table.columns:
        shown.add_column(column.name, justify="left" if column.kind == "text" else "right")
    for row in table.rows:
        shown.add_row(*map(Text, _texts(table, row)))
    return shown


def _texts(table: Table, row: Sequence[Cell]) -> list[str]:
    return [cell_text(cell, column.kind) for cell, column in zip(row, table.columns, strict=True)]


def _pipe(cells: Iterator[str] | Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _ends(cells: Sequence[Cell]) -> tuple[str, ...]:
    """What the names of a column's parts end in."""
    if any(isinstance(cell, Measured) for cell in cells):
        return ("", "_low", "_high", "_n", "_runs_sd", "_runs")
    if any(isinstance(cell, Estimate) for cell in cells):
        return ("", "_low", "_high", "_n")
    return ("",)


def _spread_out(cell: Cell, n_parts: int) -> list[object]:
    parts: list[object] = [cell]
    if isinstance(cell, Measured):
        apart = cell.spread
        parts = [*_spread_out(cell.estimate, 4), apart.deviation, apart.n_draws]
    elif isinstance(cell, Estimate):
        parts = [cell.mean, cell.low, cell.high, cell.n]
    return parts + [None] * (n_parts - len(parts))


def _plain(cell: Cell) -> Any:
    if isinstance(cell, Measured):
        return {**asdict(cell.estimate), "between_runs": asdict(cell.spread)}
    return asdict(cell) if isinstance(cell, Estimate) else cell
