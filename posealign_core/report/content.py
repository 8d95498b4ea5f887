"""The tables of a report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from posealign_core.report.collect import BASELINE
from posealign_core.report.scores import SUBSETS, deciding_values, primary_metric
from posealign_core.report.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posealign_core.report.scores import Chance, RunGroup
    from posealign_core.report.tables import Cell

__all__ = [
    "BLIND",
    "benchmark_table",
    "difference_table",
    "headline_table",
    "pairs",
    "pose_table",
    "subsets_of",
]

BLIND = "best without the pose"
"""What an answerer can expect who knows everything but the pose: the chance level."""
_HEADINGS = (Column("Backbone"), Column("Alignment"))


def subsets_of(groups: Sequence[RunGroup]) -> list[str]:
    """Subsets that any of the groups has questions in."""
    return [subset for subset in SUBSETS if any(group.count(subset) for group in groups)]


def pairs(groups: Sequence[RunGroup]) -> Iterator[tuple[RunGroup, RunGroup]]:
    """Each aligned group with the baseline of its backbone; of several, the one most like it."""
    for group in groups:
        own = [g for g in groups if g.backbone == group.backbone and g.mode == BASELINE]
        if group.mode != BASELINE and own:
            yield group, min(own, key=lambda baseline: _n_differing(group, baseline))


def _n_differing(group: RunGroup, baseline: RunGroup) -> int:
    """In how many values besides the alignment two groups differ."""
    a, b = (deciding_values(g.runs[0].record.config) for g in (group, baseline))
    keys = {key for key in {*a, *b} if not key.startswith(("align.", "recover."))}
    return sum(a.get(key) != b.get(key) for key in keys)


def headline_table(groups: Sequence[RunGroup], chance: Chance) -> Table:
    """Accuracy of each backbone and alignment, pooled over the benchmarks."""
    subsets = subsets_of(groups)
    levels = [_common_level(groups, chance, subset) for subset in subsets]
    rows: list[tuple[Cell, ...]] = []
    if any(level is not None for level in levels):
        rows.append((None, BLIND, None, *levels, None))
    for group in groups:
        scores = (group.measured(subset) for subset in subsets)
        n = sum(group.count("all").values())
        rows.append((group.backbone, group.alignment, len(group.runs), *scores, n))
    note = (
        "Share of right answers over all benchmarks, with 95 % intervals (bootstrap over scenes), "
        "and, below, the standard deviation between runs that differ in their seed. "
        "Direction-critical questions cannot be answered without knowing where the asker stands."
    )
    if any(level is not None for level in levels):
        note += " Whoever knows all but the pose can expect what the first row says."
    return Table(
        key="headline",
        title="Accuracy by backbone and alignment",
        columns=(
            *_HEADINGS,
            Column("Seeds", "count"),
            *(Column(f"{SUBSETS[subset]}, %", "percent") for subset in subsets),
            Column("Questions", "count"),
        ),
        rows=tuple(rows),
        note=note,
    )


def _common_level(groups: Sequence[RunGroup], chance: Chance, subset: str) -> float | None:
    """Chance level of a subset; None where the groups were asked different questions."""
    counts = [group.count(subset) for group in groups]
    return chance.level(counts[0], subset) if all(c == counts[0] for c in counts) else None


def difference_table(groups: Sequence[RunGroup]) -> Table:
    """Each alignment against the baseline of its backbone, question by question."""
    rows: list[tuple[Cell, ...]] = []
    for group, baseline in pairs(groups):
        for subset in subsets_of([group]):
            paired = group.difference(baseline, subset)
            if paired is not None:
                change = (paired.n_better, paired.n_worse, paired.p_value)
                name = SUBSETS[subset]
                rows.append((group.backbone, group.alignment, name, paired.difference, *change))
    return Table(
        key="differences",
        title="Paired differences to the baseline",
        columns=(
            *_HEADINGS,
            Column("Questions"),
            Column("Difference, points", "points"),
            Column("Better", "count"),
            Column("Worse", "count"),
            Column("p", "p_value"),
        ),
        rows=tuple(rows),
        note="The same questions with and without PoseAlign: difference of accuracy with its 95 % "
        "interval (bootstrap over scenes), questions that became right or wrong, and the exact "
        "McNemar test, which does not apply to the mean scores of several seeds.",
    )


def benchmark_table(groups: Sequence[RunGroup], chance: Chance) -> Table:
    """Accuracy of each benchmark apart."""
    subsets = subsets_of(groups)
    rows: list[tuple[Cell, ...]] = []
    for name in groups[0].benchmarks:
        metric = primary_metric(groups[0].runs[0].results[name])
        levels = [chance.levels.get(name, {}).get(subset) for subset in subsets]
        if any(level is not None for level in levels):
            rows.append((name, metric, None, BLIND, *levels, None))
        for group in groups:
            if name in group.benchmarks:
                scores = (group.measured(subset, [name]) for subset in subsets)
                n = sum(group.count("all", [name]).values())
                rows.append((name, metric, group.backbone, group.alignment, *scores, n))
    return Table(
        key="benchmarks",
        title="Benchmark by benchmark",
        columns=(
            Column("Benchmark"),
            Column("Metric"),
            *_HEADINGS,
            *(Column(f"{SUBSETS[subset]}, %", "percent") for subset in subsets),
            Column("Questions", "count"),
        ),
        rows=tuple(rows),
    )


def pose_table(groups: Sequence[RunGroup]) -> Table:
    """Where the poses behind the answers came from."""
    totals = [_pose_counts(group) for group in groups]
    sources = sorted({source for counts, _ in totals for source in counts})
    rows: list[tuple[Cell, ...]] = []
    for group, (counts, reasons) in zip(groups, totals, strict=True):
        why = "; ".join(f"{n} x {reason}" for reason, n in reasons.most_common())
        by_source = (counts.get(source, 0) for source in sources)
        rows.append((group.backbone, group.alignment, *by_source, why or None))
    return Table(
        key="poses",
        title="Where the poses came from",
        columns=(
            *_HEADINGS,
            *(Column(source, "count") for source in sources),
            Column("Reasons for fallbacks"),
        ),
        rows=tuple(rows),
        note="Answers by the source of their pose, over all benchmarks and seeds. A fallback "
        "stands in where no camera sees the target, or where the question has none.",
    )


def _pose_counts(group: RunGroup) -> tuple[Counter[str], Counter[str]]:
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for run in group.runs:
        for result in run.results.values():
            counts.update(result.pose_counts)
            reasons.update(result.fallback_reasons)
    return counts, reasons
