"""The printed table of `posealign rooms validate-recover`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.evaluation.statistics import Estimate
    from posealign_rooms.validate import Agreement

__all__ = ["agreement_table"]


def agreement_table(rows: Sequence[Agreement]) -> Table:
    """One line per rule and selector; brackets hold 95 % intervals."""
    table = Table(title="Recovered poses against the askers' own")
    table.add_column("rule")
    table.add_column("selector")
    for heading in (
        "n",
        "yaw error, deg\nmedian / mean",
        "position error, m\nmedian / mean",
        "left-right\nsame, %",
        "front-behind\nsame, %",
        "opposite\nview, %",
        "target\nunseen",
    ):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.rule,
            row.selector,
            str(row.yaw_deg.n),
            f"{row.yaw_median_deg:.1f} / {_text(row.yaw_deg, 1)}",
            f"{row.position_median_m:.2f} / {_text(row.position_m, 2)}",
            _text(row.lateral_same, 1, factor=100),
            _text(row.depth_same, 1, factor=100),
            _text(row.opposite, 1, factor=100),
            str(row.n_fallbacks),
        )
    return table


def _text(value: Estimate, digits: int, *, factor: float = 1.0) -> str:
    if value.mean is None:
        return "-"
    text = f"{factor * value.mean:.{digits}f}"
    if value.low is None or value.high is None:
        return text
    return f"{text} [{factor * value.low:.{digits}f}, {factor * value.high:.{digits}f}]"
