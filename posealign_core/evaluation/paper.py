"""The paper's tables, and how close a run should come to them (paper results 1.1-1.9, 1.14)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

import yaml

from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posealign_core.evaluation.statistics import Estimate

__all__ = ["BANDS", "MIN_DRAWS", "PAPER_JUDGE", "SOURCE", "Band", "PaperTable", "paper_tables"]

SOURCE = "Direction-aware 3D Large Multimodal Models, arXiv 2602.19063"
PAPER_JUDGE = "gpt-oss-20b"
"""The model behind the judge accuracies of the main tables."""
MIN_DRAWS = 3
"""A figure is compared as the mean of so many pose draws at least, and of as many judgements."""


@dataclass(frozen=True, kw_only=True)
class PaperTable:
    """One table of the paper.

    Attributes:
        where: Its number and page.
        title: What it shows.
        columns: `"<benchmark> <metric>"`.
        rows: By system and variant, the figures in per cent as printed; None where not reported.
        note: What a reader must know.
    """

    where: str
    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, tuple[float | None, ...]]
    note: str = ""

    def value(self, row: str, column: str) -> float | None:
        """A figure in per cent; None where the paper does not report it.

        Raises:
            DataError: The table has no such row or column.
        """
        if row not in self.rows or column not in self.columns:
            raise DataError(
                f"paper, {self.where}: wanted {column!r} of {row!r}, found the rows "
                f"{', '.join(self.rows)} and the columns {', '.join(self.columns)}"
            )
        return self.rows[row][self.columns.index(column)]


@cache
def paper_tables() -> Mapping[str, PaperTable]:
    """All tables by name.

    `main`, `design`, `clip_transform`, `clip_embed`, `direction_critical`,
    `direction_critical_share`, `pose_noise` and `gpt_5_mini`.
    """
    text = resources.files(__package__).joinpath("paper_tables.yaml").read_text(encoding="utf-8")
    tables = {name: _table(values) for name, values in yaml.safe_load(text).items()}
    return MappingProxyType(tables)


def _table(values: dict[str, object]) -> PaperTable:
    columns, rows = values.pop("columns"), values.pop("rows")
    if not isinstance(columns, list) or not isinstance(rows, dict):
        raise DataError(f"paper tables: wanted columns and rows, found {values!r:.80}")
    lists = {name: tuple(row) for name, row in rows.items()}
    texts = {name: str(value) for name, value in values.items()}
    return PaperTable(**texts, columns=tuple(columns), rows=MappingProxyType(lists))


@dataclass(frozen=True, kw_only=True)
class Band:
    """Where a figure of ours must lie for a result to count as reproduced.

    Attributes:
        figure: What is measured, in per cent or percentage points.
        low: Lowest passing value.
        high: Highest passing value.
        interval_too: Whether the whole 95 % interval must lie in the band.
        of_difference: Whether it is the paired difference to the baseline that is measured.
    """

    figure: str
    low: float = float("-inf")
    high: float = float("inf")
    interval_too: bool = False
    of_difference: bool = False

    def holds(self, estimate: Estimate) -> bool:
        """Say whether an estimate (shares, not per cent) passes; without a mean it does not."""
        values = [estimate.mean, *([estimate.low, estimate.high] if self.interval_too else [])]
        known = [100 * value for value in values if value is not None]
        return len(known) == len(values) and all(self.low <= value <= self.high for value in known)


BANDS: Mapping[str, Band] = MappingProxyType(
    {
        "baseline": Band(figure="ScanRefer mask_iou, 3D-LLaVA", low=41.6, high=43.6),
        "clip": Band(figure="ScanRefer mask_iou, T, released Clip 0.3", low=53.9, high=56.9),
        "top": Band(figure="ScanRefer mask_iou, T, Top", low=67.0, high=70.0),
        "baseline on posed data": Band(
            figure="ScanRefer mask_iou, baseline asked with T minus without",
            low=-6.0,
            high=-4.0,
            of_difference=True,
        ),
        "random poses at test": Band(
            figure="ScanRefer mask_iou, T, random extrinsics at test", low=41.4, high=44.4
        ),
        "judge": Band(
            figure="ScanQA judge accuracy, T minus baseline, paired",
            low=1e-9,
            interval_too=True,
            of_difference=True,
        ),
    }
)
"""By check."""
