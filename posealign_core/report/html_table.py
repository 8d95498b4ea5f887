"""Tables as HTML: sorted by a click on a heading, readable without."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from posealign_core.evaluation.statistics import Estimate
from posealign_core.report.tables import Measured, cell_text, interval_text, spread_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posealign_core.report.tables import Cell, Column, Table

__all__ = ["to_html"]


def to_html(table: Table) -> str:
    """The table as an HTML fragment."""
    head = "".join(map(_heading, table.columns))
    above = (None, *table.rows)
    rows = "".join(
        f"<tr>{''.join(_cells(table, row, before))}</tr>"
        for row, before in zip(table.rows, above, strict=False)
    )
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    title = escape(table.title)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">'
        f'<table class="sortable" id="{escape(table.key)}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{note}"
    )


def _heading(column: Column) -> str:
    name = escape(column.name)
    return f'<th scope="col" class="{column.kind}"><button type="button">{name}</button></th>'


def _cells(table: Table, row: Sequence[Cell], above: Sequence[Cell] | None) -> Iterator[str]:
    repeats = above is not None
    for i, (cell, column) in enumerate(zip(row, table.columns, strict=True)):
        # Leading words that repeat the row above are faint, so that groups of rows show.
        repeats = repeats and above is not None and column.kind == "text" and cell == above[i]
        same = " same" if repeats else ""
        key = escape(_sort_key(cell))
        yield f'<td class="{column.kind}{same}" data-key="{key}">{_content(cell, column)}</td>'


def _content(cell: Cell, column: Column) -> str:
    if isinstance(cell, Measured):
        apart = spread_text(cell, column.kind)
        title = f"standard deviation between {cell.spread.n_draws} runs"
        more = f'<span class="ci" title="{title}">{apart}</span>' if apart else ""
        return _content(cell.estimate, column) + more
    if isinstance(cell, Estimate):
        ends = escape(interval_text(cell, column.kind)).replace(", ", " to ", 1)
        if cell.low is None:
            ends = escape(interval_text(cell, column.kind))
        title = f"{cell.n:,} questions about {cell.n_scenes:,} scenes"
        mean = cell_text(cell.mean, column.kind)
        return f'<span title="{title}">{mean}</span><span class="ci">{ends}</span>'
    return escape(cell_text(cell, column.kind))


def _sort_key(cell: Cell) -> str:
    """What a column is sorted by: the number itself, or the text."""
    if isinstance(cell, Measured):
        cell = cell.estimate
    if isinstance(cell, Estimate):
        cell = cell.mean
    return "" if cell is None else str(cell)
