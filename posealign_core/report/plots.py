"""Plots as inline SVG, in one style."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes

    from posealign_core.evaluation.statistics import Estimate

__all__ = ["PALETTE", "BarGroup", "accuracy_bars", "color_of", "figure_in_style", "training_curves"]

PALETTE = ("#9aa5b1", "#2f6fde", "#e08a1e", "#2a9d74", "#b5489a", "#6b5bd2", "#c0392b")
"""Grey for the baseline, then colours that colour-blind readers can tell apart."""
_SHORT_LABEL = 24
"""Characters of a legend entry of which five fit side by side."""
_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 10,
    "svg.fonttype": "none",
    "svg.hashsalt": "posealign",
    "axes.spines.top": False,
    "axes.spines.right": False,
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
        return _svg(figure)


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
        axes.legend(loc="upper right", ncols=2)
        return _svg(figure)


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


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
