"""The report of one or several runs: a page, and its tables in other forms."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from posealign_core.atomic import write_text
from posealign_core.report.collect import collect_runs
from posealign_core.report.comparison import ALL_METRICS, comparison_table
from posealign_core.report.content import (
    benchmark_table,
    difference_table,
    headline_table,
    pose_table,
)
from posealign_core.report.costs import cost_table, judge_table
from posealign_core.report.page import render_page
from posealign_core.report.probes import probe_table, read_probes
from posealign_core.report.scores import Chance, group_runs
from posealign_core.report.sections import ReportContent, cards_of, facts_of, sections_of
from posealign_core.report.tables import table_to_json, to_csv, to_markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from posealign_core.host import PluginHost
    from posealign_core.report.tables import Table

__all__ = ["write_report"]


def write_report(
    host: PluginHost,
    run_paths: Sequence[Path],
    output: Path,
    *,
    title: str = "PoseAlign report",
    chance: Mapping[str, Mapping[str, float]] | None = None,
    left_out: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write `output` (HTML), and beside it the tables as Markdown, CSV and JSON.

    Args:
        host: To read the questions and scenes of the samples.
        run_paths: Run folders with scores.
        output: The page.
        title: Its heading.
        chance: Share of right answers that is possible without the pose, by benchmark and subset.
        left_out: What was not run, and why.

    Returns:
        The files written, the page first.

    Raises:
        DataError: A folder holds no scores, or runs were asked different questions.
    """
    groups = group_runs(collect_runs(run_paths))
    levels, probes = Chance(chance or {}), read_probes(groups)
    tables = [
        headline_table(groups, levels),
        difference_table(groups),
        benchmark_table(groups, levels),
        comparison_table(groups),
        comparison_table(groups, metrics=[ALL_METRICS], key="metrics"),
        judge_table(groups),
        *(probe_table(probed) for probed in probes.values()),
        pose_table(groups),
        cost_table(groups),
    ]
    tables = [table for table in tables if table.rows]
    content = ReportContent(groups, tables, levels, left_out or {}, probes)
    sections = list(sections_of(host, content))
    page = render_page(
        title=title, facts=facts_of(groups), cards=cards_of(groups), sections=sections
    )
    write_text(output, page)
    return [output, *_write_tables(tables, output.with_suffix(""))]


def _write_tables(tables: Sequence[Table], stem: Path) -> Iterator[Path]:
    forms = {
        stem.with_suffix(".md"): "\n".join(map(to_markdown, tables)),
        stem.with_suffix(".json"): json.dumps([table_to_json(t) for t in tables], indent=2) + "\n",
        **{stem.with_name(f"{stem.name}_{t.key}.csv"): to_csv(t) for t in tables},
    }
    for path, text in forms.items():
        write_text(path, text)
        yield path
