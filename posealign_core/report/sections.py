"""The sections, cards and facts of a report's page."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from posealign_core.errors import ConfigError, DataError, PluginError
from posealign_core.evaluation.statistics import Estimate
from posealign_core.report.content import pairs, subsets_of
from posealign_core.report.html_table import to_html
from posealign_core.report.page import Card, Section
from posealign_core.report.plots import (
    BarGroup,
    Effect,
    accuracy_bars,
    effect_plot,
    training_curves,
)
from posealign_core.report.probes import probe_curves
from posealign_core.report.questions import draw_questions, questions_html
from posealign_core.report.scores import SUBSETS
from posealign_core.report.tables import cell_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from posealign_core.host import PluginHost
    from posealign_core.report.collect import FinishedRun
    from posealign_core.report.probes import Probed
    from posealign_core.report.scores import Chance, RunGroup
    from posealign_core.report.tables import Table

__all__ = ["ReportContent", "cards_of", "facts_of", "sections_of"]

_N_CRITICAL, _N_OTHER = 120, 60
"""Questions that are listed, and, below, drawn: of one run, and of several."""
_N_PICTURES, _N_PICTURES_SEVERAL = 6, 18
_MAX_ROWS = 40
"""A longer table is folded."""


@dataclass(frozen=True)
class ReportContent:
    """What the sections are made of.

    Attributes:
        groups: The runs.
        tables: All tables with rows.
        chance: What can be reached without the pose.
        left_out: What was not run, and why.
        probes: Results of probes, by their name.
    """

    groups: Sequence[RunGroup]
    tables: Sequence[Table]
    chance: Chance
    left_out: Mapping[str, str]
    probes: Mapping[str, Sequence[Probed]]


def sections_of(host: PluginHost, content: ReportContent) -> Iterator[Section]:
    """Everything below the cards, in order."""
    groups, tables = content.groups, {table.key: table for table in content.tables}
    headline = tables["headline"]
    yield Section(headline.title, _bars(groups, content.chance) + to_html(headline))
    if "differences" in tables:
        differences = tables["differences"]
        plot = effect_plot(_effects(differences))
        yield Section(differences.title, plot + _folded(differences))
    if "benchmarks" in tables:
        yield _tabled(tables, "benchmarks")
    if "comparison" in tables:
        more = f"<details><summary>All metrics</summary>{to_html(tables['metrics'])}</details>"
        yield Section(tables["comparison"].title, _folded(tables["comparison"]) + more)
    if "judge" in tables:
        yield _tabled(tables, "judge")
    if content.probes:
        yield Section("Probes", "".join(_probes(content, tables)))
    yield Section(
        "Question by question",
        _questions(host, groups),
        lead="Drawn at random, from as many scenes as there are. The picture is turned so that "
        "the asker looks up the page; the object asked about is outlined in red. Answers are those "
        "of the first seed, marks the mean of all.",
    )
    yield _tabled(tables, "poses")
    curves = {
        f"{run.backbone}: {run.alignment}, seed {run.seed}": run.losses
        for run in _runs(groups)
        if run.losses
    }
    plot = training_curves(curves) if curves else ""
    yield Section(tables["runs"].title, plot + _folded(tables["runs"]))
    if content.left_out:
        yield Section("What is left out", _left_out(content.left_out))
    yield Section("Configuration and versions", _configuration(groups))
    yield Section("How to reproduce", _reproduction(groups))


def _tabled(tables: Mapping[str, Table], key: str) -> Section:
    return Section(tables[key].title, _folded(tables[key]))


def _folded(table: Table) -> str:
    """The table as HTML, folded away where it would be longer than everything else."""
    html = to_html(table)
    if len(table.rows) <= _MAX_ROWS:
        return html
    return f"<details><summary>All {len(table.rows):,} rows</summary>{html}</details>"


def _effects(table: Table) -> list[Effect]:
    """The rows of the table of differences."""
    return [
        Effect(f"{backbone}: {alignment}", str(subset), difference)
        for backbone, alignment, subset, difference, *_ in table.rows
        if isinstance(difference, Estimate) and difference.mean is not None
    ]


def _probes(content: ReportContent, tables: Mapping[str, Table]) -> Iterator[str]:
    for name, probed in content.probes.items():
        table = tables.get(f"probe_{name}")
        if table is not None:
            plots = (f"<h4>{escape(k)}</h4>{plot}" for k, plot in probe_curves(probed).items())
            yield f"<h3>{escape(table.title)}</h3>{''.join(plots)}{_folded(table)}"


def _runs(groups: Sequence[RunGroup]) -> Iterator[FinishedRun]:
    for group in groups:
        yield from group.runs


def _bars(groups: Sequence[RunGroup], chance: Chance) -> str:
    subsets = subsets_of(groups)
    alignments = list(dict.fromkeys(group.alignment for group in groups))
    bars = []
    for backbone in dict.fromkeys(group.backbone for group in groups):
        members = {g.alignment: g for g in groups if g.backbone == backbone}
        for subset in subsets:
            values = [members[a].estimate(subset) if a in members else None for a in alignments]
            level = chance.level(next(iter(members.values())).count(subset), subset)
            bars.append(BarGroup(f"{SUBSETS[subset]}\n{backbone}", values, level))
    return accuracy_bars(alignments, bars) if bars else ""


def cards_of(groups: Sequence[RunGroup]) -> list[Card]:
    """The main difference of each alignment to its baseline."""
    cards = []
    subset = "direction_critical" if groups[0].count("direction_critical") else "all"
    for group, baseline in pairs(groups):
        paired = group.difference(baseline, subset)
        before, after = baseline.estimate(subset), group.estimate(subset)
        if paired is None or before is None or after is None:
            continue
        change = paired.difference
        clear = change.low is not None and change.high is not None and change.low * change.high > 0
        low, high = cell_text(change.low, "points"), cell_text(change.high, "points")
        old, new = cell_text(before.mean, "percent"), cell_text(after.mean, "percent")
        cards.append(
            Card(
                value=f"{cell_text(change.mean, 'points')} points",
                label=group.label,
                details=(
                    f"{SUBSETS[subset].lower()}: {old} → {new} %",
                    f"95 % interval {low} to {high}",
                ),
                good=(change.mean or 0) > 0 if clear else None,
            )
        )
    return cards


def facts_of(groups: Sequence[RunGroup]) -> list[str]:
    """How much was run, with what, where and when."""
    runs = list(_runs(groups))
    record = runs[-1].record
    n_questions = sum(groups[0].count("all").values())
    code = f"posealign {record.code.version}"
    if record.code.commit:
        code += f" ({record.code.commit[:8]}{', changed' if record.code.dirty else ''})"
    return [
        f"{len(runs)} run{'s' if len(runs) > 1 else ''}",
        f"{n_questions:,} questions of {', '.join(groups[0].benchmarks)}",
        code,
        record.environment.get("devices", ""),
        record.created.replace("T", " ").replace("+00:00", " UTC"),
    ]


def _questions(host: PluginHost, groups: Sequence[RunGroup]) -> str:
    from posealign_core.config.load import load_run_config
    from posealign_core.runs.materials import Materials

    several = len(groups) > 1
    try:
        resolved = load_run_config(host, files=[groups[0].runs[0].folder.config_path])
        materials = Materials(host, resolved)
        split = resolved.config.evaluate.split
        queries = {name: materials.queries(name, split) for name in groups[0].benchmarks}
        questions = draw_questions(groups[0], queries, n_critical=_N_CRITICAL, n_other=_N_OTHER)
        n_pictures = _N_PICTURES_SEVERAL if several else _N_PICTURES
        return questions_html(questions, groups, materials, n_pictures)
    except (ConfigError, DataError, PluginError) as error:
        reason = escape(str(error))
        return f'<p class="note">Left out, because the data could not be read: {reason}</p>'


def _left_out(left_out: Mapping[str, str]) -> str:
    items = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in left_out.items())
    return f"<ul>{items}</ul>"


def _configuration(groups: Sequence[RunGroup]) -> str:
    record = groups[0].runs[0].record
    versions = {**record.environment, **{f"plugin {k}": v for k, v in record.plugins.items()}}
    rows = "".join(
        f'<tr><td class="text">{escape(name)}</td><td class="text">{escape(version)}</td></tr>'
        for name, version in versions.items()
    )
    details = "".join(
        f"<details><summary>{escape(run.folder.path.name)}</summary>"
        f"<pre>{escape(run.folder.config_path.read_text(encoding='utf-8'))}</pre></details>"
        for run in _runs(groups)
    )
    return f"<table>{rows}</table><h3>Resolved configurations</h3>{details}"


def _reproduction(groups: Sequence[RunGroup]) -> str:
    commands = dict.fromkeys(run.record.command for run in _runs(groups))
    lines = "\n".join(commands)
    return (
        "<p>Everything random is seeded; finished stages are skipped when their inputs have not "
        f"changed.</p><pre>{escape(lines)}</pre>"
    )
