"""Tables, and the four forms that they are written in."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from posealign_core.evaluation.statistics import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "Cell",
    "Column",
    "Table",
    "cell_text",
    "table_to_json",
    "to_csv",
    "to_html",
    "to_markdown",
]

Kind = Literal["text", "count", "percent", "points", "p_value"]
"""`percent` shows a share in [0, 1] as per cent, `points` a signed difference of two shares."""


Cell = str | int | float | Estimate | None


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


def cell_text(cell: Cell, kind: Kind) -> str:  # noqa: PLR0911 - one per kind
    """A cell as people read it; an absent value is a dash, an estimate comes with its interval."""
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "–"
    if isinstance(cell, Estimate):
        mean, low, high = (cell_text(v, kind) for v in (cell.mean, cell.low, cell.high))
        return f"{mean} [{low}, {high}]"
    if isinstance(cell, str):
        return cell
    if kind == "percent":
        return f"{100 * cell:.1f}"
    if kind == "points":
        return f"{100 * cell:+.1f}".replace("-", "−")
    if kind == "p_value":
        return "< 0.001" if cell < 0.001 else f"{cell:.3f}"
    return f"{cell:,}"


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
    """The table as CSV with unrounded values; an estimate takes four columns."""
    wide = [any(isinstance(row[i], Estimate) for row in table.rows) for i in range(_width(table))]
    heading: list[str] = []
    for column, is_wide in zip(table.columns, wide, strict=True):
        ends = ("", "_low", "_high", "_n") if is_wide else ("",)
        heading += [f"{column.name}{end}" for end in ends]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    for row in table.rows:
        values: list[object] = []
        for cell, is_wide in zip(row, wide, strict=True):
            values += _spread(cell) if is_wide else [cell]
        writer.writerow(values)
    return text.getvalue()


def table_to_json(table: Table) -> dict[str, Any]:
    """The table as plain values, unrounded, one mapping per row."""
    names = [column.name for column in table.columns]
    rows = [
        {
            name: asdict(cell) if isinstance(cell, Estimate) else cell
            for name, cell in zip(names, row, strict=True)
        }
        for row in table.rows
    ]
    return {"key": table.key, "title": table.title, "note": table.note, "rows": rows}


def to_html(table: Table) -> str:
    """The table as an HTML fragment."""
    head = "".join(
        f'<th class="{column.kind}">{escape(column.name)}</th>' for column in table.columns
    )
    above = (None, *table.rows)
    rows = "".join(
        f"<tr>{''.join(_html_cells(table, row, before))}</tr>"
        for row, before in zip(table.rows, above, strict=False)
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<div class="scroll"><table id="{escape(table.key)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _html_cells(table: Table, row: Sequence[Cell], above: Sequence[Cell] | None) -> Iterator[str]:
    repeats = above is not None
    for i, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
        if isinstance(cell, Estimate):
            low, high = cell_text(cell.low, column.kind), cell_text(cell.high, column.kind)
            value = f'{cell_text(cell.mean, column.kind)}<span class="ci">{low} to {high}</span>'
        else:
            value = escape(cell_text(cell, column.kind))
        # Leading words that repeat the row above are faint, so that groups of rows show.
        repeats = repeats and above is not None and column.kind == "text" and cell == above[i]
        yield f'<td class="{column.kind}{" same" if repeats else ""}">{value}</td>'


def _texts(table: Table, row: Sequence[Cell]) -> list[str]:
    return [cell_text(cell, column.kind) for cell, column in zip(row, table.columns, strict=True)]


def _pipe(cells: Iterator[str] | Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _width(table: Table) -> int:
    return len(table.columns)


def _spread(cell: Cell) -> list[object]:
    if isinstance(cell, Estimate):
        return [cell.mean, cell.low, cell.high, cell.n]
    return [cell, None, None, None]
