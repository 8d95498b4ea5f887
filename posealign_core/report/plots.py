"""Plots as inline SVG, in one style."""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

    from posealign_core.evaluation.statistics import Estimate

__all__ = [
    "PALETTE",
    "BarGroup",
    "Curve",
    "Effect",
    "accuracy_bars",
    "color_of",
    "curve_plot",
    "effect_plot",
    "figure_in_style",
    "training_curves",
]

PALETTE = ("#9aa5b1", "#2f6fde", "#e08a1e", "#2a9d74", "#b5489a", "#6b5bd2", "#c0392b")
"""Grey for the baseline, then colours that colour-blind readers can tell apart."""
_TONES = {1: "#2a9d74", 0: "#3e4c59", -1: "#b5489a"}
"""Of an effect whose interval is above, about, or below zero."""
_SHORT_LABEL = 24
"""Characters of a legend entry of which five fit side by side."""
_MAX_NAMED = 12
"""More curves than this have no legend."""
_MAX_BANDS = 4
"""More curves than this are drawn without their intervals, which would cover each other."""
_THEMED = {
    "#1f2933": "var(--ink)",
    "#3e4c59": "var(--soft)",
    "#9aa5b1": "var(--faint)",
    "#e4e7eb": "var(--line)",
    "#c0392b": "var(--chance)",
}
"""Colours that follow the page's light or dark theme."""
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "posealign",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": "#1f2933",
    "axes.edgecolor": "#9aa5b1",
    "axes.labelcolor": "#3e4c59",
    "xtick.color": "#3e4c59",
    "ytick.color": "#3e4c59",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e7eb",
    "axes.axisbelow": True,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class BarGroup:
    """Bars that stand together.

    Attributes:
        label: Text below them.
        values: One estimate per series, or None.
        chance: Level of the chance line across the group, or None.
    """

    label: str
    values: Sequence[Estimate | None]
    chance: float | None = None


@dataclass(frozen=True)
class Effect:
    """One line of an effect plot.

    Attributes:
        group: What is compared with its baseline; lines of one group stand together.
        label: On which questions.
        difference: Difference of two shares, with its interval.
    """

    group: str
    label: str
    difference: Estimate


@dataclass(frozen=True)
class Curve:
    """Shares over an axis.

    Attributes:
        label: What it is called in the legend.
        points: Place and estimate, in order.
    """

    label: str
    points: Sequence[tuple[float, Estimate]]


def color_of(series: int) -> str:
    """Colour of a series."""
    return PALETTE[series % len(PALETTE)]


def accuracy_bars(series: Sequence[str], groups: Sequence[BarGroup]) -> str:
    """Grouped bars of shares in [0, 1] with 95 % intervals and chance lines, as SVG."""
    width = 0.8 / max(1, len(series))
    with figure_in_style(11.2, 4.4) as (figure, axes):
        for index, name in enumerate(series):
            drawn = [(g, group.values[index]) for g, group in enumerate(groups)]
            present = [(g, *bar) for g, value in drawn if (bar := _bar(value)) is not None]
            x = [g + (index - (len(series) - 1) / 2) * width for g, *_ in present]
            heights = [height for _, height, *_ in present]
            arms = [[below for *_, below, _ in present], [above for *_, above in present]]
            axes.bar(x, heights, width * 0.92, color=color_of(index), label=name)
            axes.errorbar(x, heights, arms, fmt="none", ecolor="#1f2933", elinewidth=1, capsize=2.5)
        _chance_lines(axes, groups)
        axes.set_xticks(range(len(groups)), [group.label for group in groups])
        axes.set_xlim(-0.6, len(groups) - 0.4)
        axes.set_ylim(0, 100)
        axes.set_ylabel("accuracy, %")
        axes.tick_params(axis="x", length=0)
        columns = 5 if max(map(len, series), default=0) <= _SHORT_LABEL else 2
        figure.legend(loc="outside upper center", ncols=columns)
        return _svg(figure, "Accuracy by backbone and alignment with intervals")


def effect_plot(effects: Sequence[Effect]) -> str:
    """Differences in points with their 95 % intervals, one line each, about zero, as SVG."""
    groups = list(dict.fromkeys(effect.group for effect in effects))
    n_rows = len(effects) + len(groups)
    with figure_in_style(11.2, 0.9 + 0.3 * n_rows) as (figure, axes):
        axes.axvline(0, color="#9aa5b1", linewidth=1.2)
        rows: dict[int, str] = {}
        for group in groups:
            axes.text(
                *(0.006, len(rows)),
                group,
                transform=axes.get_yaxis_transform(),
                va="center",
                fontweight="bold",
            )
            rows[len(rows)] = ""
            for effect in (e for e in effects if e.group == group):
                _draw_effect(axes, len(rows), effect.difference)
                rows[len(rows)] = effect.label
        axes.set_yticks(list(rows), list(rows.values()))
        axes.set_ylim(n_rows - 0.4, -0.6)
        axes.set_xlabel("difference to the baseline, points")
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=True, axis="x")
        axes.grid(visible=False, axis="y")
        return _svg(figure, "Differences to the baseline with their intervals")


def _draw_effect(axes: Axes, row: int, difference: Estimate) -> None:
    low, high = (100 * (end or 0.0) for end in (difference.low, difference.high))
    known = difference.low is not None
    tone = _TONES[(low > 0) - (high < 0) if known else 0]
    if known:
        axes.plot((low, high), (row, row), color=tone, linewidth=2.2, solid_capstyle="round")
    axes.plot(100 * (difference.mean or 0.0), row, "o", color=tone, markersize=6)


def curve_plot(curves: Sequence[Curve], axis: str) -> str:
    """Shares in [0, 1] over an axis, with bands of 95 % intervals, as SVG."""
    with figure_in_style(11.2, 3.6) as (figure, axes):
        for index, curve in enumerate(curves):
            bars = [(x, bar) for x, value in curve.points if (bar := _bar(value)) is not None]
            places = [x for x, _ in bars]
            heights = [height for _, (height, _, _) in bars]
            low = [height - below for _, (height, below, _) in bars]
            high = [height + above for _, (height, _, above) in bars]
            color = color_of(index + 1)
            axes.plot(places, heights, "o-", color=color, label=curve.label, markersize=4)
            if len(curves) <= _MAX_BANDS:
                axes.fill_between(places, low, high, color=color, alpha=0.15, linewidth=0)
        axes.set_xlabel(axis)
        axes.set_ylabel("%")
        if len(curves) <= _MAX_NAMED:
            figure.legend(loc="outside upper center", ncols=1 if len(curves) < 3 else 2)
        return _svg(figure, f"Values over {axis}")


def training_curves(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Loss over optimiser steps, one smoothed line per run, as SVG."""
    with figure_in_style(11.2, 3.2) as (figure, axes):
        for index, (name, points) in enumerate(curves.items()):
            steps = [step for step, _ in points]
            losses = [loss for _, loss in points]
            color = color_of(index)
            axes.plot(steps, losses, ".", color=color, alpha=0.4, markersize=3)
            axes.plot(steps, list(_smoothed(losses)), color=color, linewidth=1.8, label=name)
        axes.set_xlabel("optimiser step")
        axes.set_ylabel("training loss")
        axes.set_ylim(bottom=0)
        if len(curves) <= _MAX_NAMED:
            axes.legend(loc="upper right", ncols=2)
        return _svg(figure, "Training loss of each run")


def _bar(value: Estimate | None) -> tuple[float, float, float] | None:
    """Height and the lengths of both error arms, per cent."""
    if value is None or value.mean is None:
        return None
    low = value.mean if value.low is None else value.low
    high = value.mean if value.high is None else value.high
    return 100 * value.mean, 100 * max(0.0, value.mean - low), 100 * max(0.0, high - value.mean)


def _chance_lines(axes: Axes, groups: Sequence[BarGroup]) -> None:
    label = "best without the pose"
    for index, group in enumerate(groups):
        if group.chance is not None:
            level = 100 * group.chance
            ends = (index - 0.46, index + 0.46)
            axes.plot(ends, (level, level), color="#c0392b", dashes=(4, 3), label=label)
            label = "_nolegend_"


def _smoothed(values: Sequence[float], weight: float = 0.6) -> Iterator[float]:
    mean, total = 0.0, 0.0
    for value in values:
        mean = weight * mean + (1 - weight) * value
        total = weight * total + (1 - weight)
        yield mean / total


@contextmanager
def figure_in_style(width_in: float, height_in: float) -> Iterator[tuple[Figure, Axes]]:
    """An empty figure, in inches, that is drawn and saved inside the block."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        yield figure, figure.add_subplot()


def _svg(figure: Figure, title: str) -> str:
    """The figure as inline SVG, in the colours of the page's theme."""
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :].replace(
        "<svg", f'<svg role="img" aria-label="{escape(title)}"', 1
    )
    colors = re.compile("|".join(_THEMED))
    return f'<div class="scroll plot">{colors.sub(lambda found: _THEMED[found[0]], svg)}</div>'
