"""Every metric of every group of runs: interval, spread, difference to the baseline, the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.evaluation.paper import MIN_DRAWS, PAPER_JUDGE, SOURCE
from posealign_core.evaluation.paper_match import band_of, paper_figure
from posealign_core.report.content import pairs
from posealign_core.report.scores import primary_metric
from posealign_core.report.tables import Column, Table, without_empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.evaluation.paper_match import PaperFigure
    from posealign_core.evaluation.statistics import PairedDifference
    from posealign_core.report.collect import FinishedRun
    from posealign_core.report.scores import RunGroup
    from posealign_core.report.tables import Cell, Measured

__all__ = ["ALL_METRICS", "comparison_table"]

ALL_METRICS = "all"
_OPTIONAL = ("To baseline", "p", "Paper, %", "Band", "Paper's row")
_JUDGED = ("judge", "word_rules")
_PARSED = ("judge_parsed", "word_rules_parsed")
"""Of the answers with a verdict; shown where others have none."""


def comparison_table(
    groups: Sequence[RunGroup],
    *,
    metrics: Sequence[str] = (),
    subset: str = "all",
    key: str = "comparison",
) -> Table:
    """One row per benchmark, metric, backbone and alignment.

    Args:
        groups: The groups of runs.
        metrics: Only these; `("all",)` for all; where empty, each benchmark's main metric, what a
            judge made of it, and what the paper reports.
        subset: Subset of questions; the paper's figures stand beside all questions only.
        key: Name of the table's files.
    """
    baselines = dict(pairs(groups))
    names = dict.fromkeys(name for group in groups for name in group.runs[0].results)
    rows: list[tuple[Cell, ...]] = []
    for name in names:
        asked = [group for group in groups if name in group.runs[0].results]
        for metric in _metrics(asked, name, metrics):
            for group in asked:
                row = _row(group, baselines.get(group), name, metric, subset)
                rows += [row] if row else []
    table = Table(
        key=key,
        title="Metric by metric" if subset == "all" else f"Metric by metric, {subset}",
        columns=(
            Column("Benchmark"),
            Column("Metric"),
            Column("Backbone"),
            Column("Mode"),
            Column("Poses"),
            Column("Runs", "count"),
            Column("Value, %", "percent"),
            Column("To baseline", "points"),
            Column("p", "p_value"),
            Column("Questions", "count"),
            Column("Paper, %", "count"),
            Column("Band"),
            Column("Paper's row"),
        ),
        rows=tuple(rows),
        note="Intervals of 95 % by bootstrap over scenes; ± is the standard deviation between runs "
        "that differ in their seed alone. To baseline: paired, on the same questions; p by the "
        "exact McNemar test, for single runs. word_rules are rules on words, no LLM; _parsed "
        f"counts answers with a verdict only. Paper: {SOURCE}, beside whole benchmarks only; a "
        f"band is passed by the mean of at least {MIN_DRAWS} runs.",
    )
    return without_empty(table, _OPTIONAL)


def _metrics(groups: Sequence[RunGroup], benchmark: str, wanted: Sequence[str]) -> list[str]:
    known = dict.fromkeys(m for group in groups for m in group.runs[0].results[benchmark].scores)
    if ALL_METRICS in wanted:
        return list(known)
    if wanted:
        return [metric for metric in known if metric in wanted]
    first = groups[0].runs[0]
    main = primary_metric(first.results[benchmark])
    undecided = {
        metric
        for group in groups
        for metric, scores in group.runs[0].results[benchmark].scores.items()
        if metric in _PARSED and None in scores
    }
    shown = {main, *_JUDGED, *undecided} | {
        metric
        for group in groups
        for metric in known
        if paper_figure(group.runs[0].setting, group.runs[0].results[benchmark], metric)
    }
    return [metric for metric in known if metric in shown] or list(known)


def _row(
    group: RunGroup, baseline: RunGroup | None, benchmark: str, metric: str, subset: str
) -> tuple[Cell, ...] | None:
    value = group.metric(benchmark, metric, subset)
    if value is None:
        return None
    paired = None
    if baseline is not None:
        paired = group.metric_difference(baseline, benchmark, metric, subset)
    figure, band = None, None
    if subset == "all":
        figure, band = _paper(group.runs[0], benchmark, metric, value, paired)
    return (
        benchmark,
        metric,
        group.backbone,
        ", ".join(filter(None, (group.mode, group.variant))),
        group.poses or None,
        len(group.runs),
        value,
        paired.difference if paired else None,
        paired.p_value if paired else None,
        value.estimate.n,
        figure.value if figure else None,
        band,
        f"{figure.row} ({figure.where})" if figure else None,
    )


def _paper(
    run: FinishedRun,
    benchmark: str,
    metric: str,
    value: Measured,
    paired: PairedDifference | None,
) -> tuple[PaperFigure | None, str | None]:
    """The paper's figure, and how a value stands to its band, in words."""
    result, judgement = run.results[benchmark], run.judgements.get(benchmark)
    # Figures of different judges never stand side by side.
    if metric == "judge" and (judgement is None or PAPER_JUDGE not in judgement.judge.lower()):
        return None, None
    figure = paper_figure(run.setting, result, metric)
    band, n_runs = band_of(run.setting, result, metric), value.spread.n_draws
    if band is None:
        return figure, None
    measured = paired.difference if paired and band.of_difference else value.estimate
    bounds = "above 0" if band.of_difference else f"{band.low:g} to {band.high:g}"
    if n_runs < MIN_DRAWS:
        return figure, f"{bounds}: wants {MIN_DRAWS} runs"
    return figure, f"{bounds}: {'passed' if band.holds(measured) else 'missed'}"
