"""Which figure of the paper a result of ours stands beside, and the band that it should fall in."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from posealign_core.evaluation.paper import BANDS, paper_tables
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from posealign_core.evaluation.paper import Band
    from posealign_core.evaluation.result import BenchmarkResult

__all__ = ["PaperFigure", "Setting", "band_of", "is_full_benchmark", "paper_figure"]

_SYSTEMS = {
    "3d_llava": "3D-LLaVA",
    "chat_scene": "Chat-Scene",
    "ll3da": "LL3DA",
    "ll3da_sonata": "LL3DA-S",
}
_LETTERS = {AlignMode.TRANSFORM: "T", AlignMode.EMBED: "E", AlignMode.PROMPT: "P"}
_MAIN_RATIO = 0.3
"""Clip ratio of the paper's main results."""
_FULL = MappingProxyType(
    {
        ("multi3drefer", "val"): 11_120,
        ("scan2cap", "val"): 2_068,
        ("scanqa", "val"): 4_675,
        ("scanrefer", "val"): 9_508,
        ("sqa3d", "test"): 3_519,
    }
)
"""Questions of the splits that the paper reports on (benchmarks spec 3)."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What decides which row of the paper a run belongs to.

    Attributes:
        backbone: Registered name.
        modes: Alignment modes.
        selector: Name of the rule that chose poses.
        ratio: Its clip ratio, where it has one.
        plain: Whether nothing sets the run apart from the paper's: no noise, for example.
    """

    backbone: str
    modes: tuple[AlignMode, ...] = ()
    selector: str = ""
    ratio: float | None = None
    plain: bool = True


@dataclass(frozen=True, kw_only=True)
class PaperFigure:
    """A figure of the paper.

    Attributes:
        value: In per cent, as printed.
        row: Its row.
        where: Table and page.
    """

    value: float
    row: str
    where: str


def is_full_benchmark(result: BenchmarkResult) -> bool:
    """Whether a result is about all questions of a split that the paper reports on."""
    return _FULL.get((result.benchmark, result.split)) == len(result.keys)


def paper_figure(setting: Setting, result: BenchmarkResult, metric: str) -> PaperFigure | None:
    """The paper's figure beside a result over a whole benchmark; None where it has none."""
    if not is_full_benchmark(result):
        return None
    column = f"{result.benchmark} {metric}"
    for name, row in _places(setting):
        table = paper_tables()[name]
        if row in table.rows and column in table.columns:
            value = table.value(row, column)
            if value is not None:
                return PaperFigure(value=value, row=row, where=table.where)
    return None


def _places(setting: Setting) -> Iterator[tuple[str, str]]:
    """Tables and rows, the main results first."""
    system = _SYSTEMS.get(setting.backbone)
    if system is None or not setting.plain or len(setting.modes) > 1:
        return
    clips = {"3D-LLaVA": "clip_transform", "Chat-Scene": "clip_embed"}
    if not setting.modes:
        yield "main", system
        if system in clips:
            yield clips[system], "baseline"
        return
    letter = _LETTERS[setting.modes[0]]
    if setting.selector == "clip" and setting.ratio is not None:
        if setting.ratio == _MAIN_RATIO:
            yield "main", f"{system} + {letter}"
        if (system, letter) in {("3D-LLaVA", "T"), ("Chat-Scene", "E")}:
            yield clips[system], str(setting.ratio)
    if system == "3D-LLaVA" and setting.selector == "top":
        yield "design", f"{letter}, Top"
    if system == "3D-LLaVA" and setting.selector == "random" and letter == "T":
        yield "design", "Random pose"


def band_of(setting: Setting, result: BenchmarkResult, metric: str) -> Band | None:
    """The band that a result over a whole benchmark must fall in to count as reproduced."""
    if setting.backbone != "3d_llava" or not setting.plain or not is_full_benchmark(result):
        return None
    figure = f"{result.benchmark} {metric}"
    selector = setting.selector if setting.modes else ""
    return _bands().get((figure, setting.modes, selector, setting.ratio))


def _bands() -> Mapping[tuple[str, tuple[AlignMode, ...], str, float | None], Band]:
    posed, masks = (AlignMode.TRANSFORM,), "scanrefer mask_iou"
    return {
        (masks, (), "", None): BANDS["baseline"],
        (masks, posed, "clip", _MAIN_RATIO): BANDS["clip"],
        (masks, posed, "top", None): BANDS["top"],
        ("scanqa judge", posed, "clip", _MAIN_RATIO): BANDS["judge"],
    }
