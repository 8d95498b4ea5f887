"""The sections, cards and facts of a report's page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from posealign_core.errors import ConfigError, DataError, PluginError
from posealign_core.report.content import pairs, subsets_of
from posealign_core.report.page import Card, Section
from posealign_core.report.plots import BarGroup, accuracy_bars, training_curves
from posealign_core.report.samples import draw_questions, samples_html
from posealign_core.report.scores import SUBSETS
from posealign_core.report.tables import cell_text, to_html

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from posealign_core.host import PluginHost
    from posealign_core.report.collect import FinishedRun
    from posealign_core.report.scores import Chance, RunGroup
    from posealign_core.report.tables import Table

__all__ = ["cards_of", "facts_of", "sections_of"]

_N_CRITICAL, _N_OTHER = 6, 2


def sections_of(
    host: PluginHost,
    groups: Sequence[RunGroup],
    tables: Sequence[Table],
    chance: Chance,
    left_out: Mapping[str, str],
) -> Iterator[Section]:
    """Everything below the cards, in order."""
    by_key = {table.key: table for table in tables}
    headline = by_key.pop("headline")
    runs = by_key.pop("runs")
    body = _bars(groups, chance) + to_html(headline) + _left_out(left_out)
    yield Section(headline.title, body)
    for table in by_key.values():
        yield Section(table.title, to_html(table))
    curves = {
        f"{run.backbone}: {run.alignment}, seed {run.seed}": run.losses for run in _runs(groups)
    }
    trained = {name: losses for name, losses in curves.items() if losses}
    if trained:
        yield Section("Training", training_curves(trained) + to_html(runs))
    yield Section(
        "Sample questions",
        _samples(host, groups),
        lead="Drawn at random. The picture is turned so that the asker looks up the page; "
        "the object asked about is outlined in red.",
    )
    yield Section("Configuration and versions", _configuration(groups))
    yield Section("How to reproduce", _reproduction(groups))


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
        f"{len(runs)} runs",
        f"{n_questions:,} questions of {', '.join(groups[0].benchmarks)}",
        code,
        record.environment.get("devices", ""),
        record.created.replace("T", " ").replace("+00:00", " UTC"),
    ]


def _samples(host: PluginHost, groups: Sequence[RunGroup]) -> str:
    from posealign_core.config.load import load_run_config
    from posealign_core.runs.materials import Materials

    try:
        resolved = load_run_config(host, files=[groups[0].runs[0].folder.config_path])
        materials = Materials(host, resolved)
        split = resolved.config.evaluate.split
        queries = {name: materials.queries(name, split) for name in groups[0].benchmarks}
        questions = draw_questions(groups[0], queries, n_critical=_N_CRITICAL, n_other=_N_OTHER)
        return samples_html(questions, groups, materials)
    except (ConfigError, DataError, PluginError) as error:
        reason = escape(str(error))
        return f'<p class="note">Left out, because the data could not be read: {reason}</p>'


def _left_out(left_out: Mapping[str, str]) -> str:
    items = "".join(f"<li>{escape(name)}: {escape(why)}</li>" for name, why in left_out.items())
    return f"<h3>Backbones that were not run</h3><ul>{items}</ul>" if items else ""


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
