"""Which runs the demonstration is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.config.presets import run_presets
from posealign_core.runs.diagnosis import missing_requirements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from posealign_core.host import PluginHost

__all__ = ["DemoPlan", "DemoRun", "plan_demo"]

_FOLDER = "demo/"
"""Run presets in this folder of a backbone's presets are part of the demonstration."""
_ORDER = ("baseline", "transform", "transform-recovered")
"""What every comparison needs comes first, for all backbones; then the rest as time allows."""
_QUICKEST = "template"
"""The tutorial's backbone goes before the others: it shows the effect within three minutes."""


@dataclass(frozen=True)
class DemoRun:
    """One training of the demonstration.

    Attributes:
        backbone: Registered name.
        preset: Its run preset, `"demo/transform"`.
        seed: Seed of the run.
    """

    backbone: str
    preset: str
    seed: int

    @property
    def name(self) -> str:
        """Name for people and folders."""
        return f"{self.backbone}-{self.preset.removeprefix(_FOLDER)}"

    @property
    def rank(self) -> int:
        """0 for the runs that every comparison needs; higher for what can wait."""
        mode = self.preset.removeprefix(_FOLDER)
        return max(0, _ORDER.index(mode) - 1) if mode in _ORDER else len(_ORDER)


@dataclass(frozen=True)
class DemoPlan:
    """What will be run.

    Attributes:
        runs: In order: what every comparison needs comes first.
        left_out: Backbones that are not run, and why.
    """

    runs: tuple[DemoRun, ...]
    left_out: Mapping[str, str]

    @property
    def n_steps(self) -> int:
        """Rooms, the runs, and the report."""
        return len(self.runs) + 2


def plan_demo(host: PluginHost, backbones: Sequence[str] = (), *, n_seeds: int = 1) -> DemoPlan:
    """Choose the runs.

    Args:
        host: Knows the installed backbones.
        backbones: Names of those to run; all where empty.
        n_seeds: Runs with seeds 0, 1, ... of each.

    Raises:
        UnknownComponentError: A named backbone is not installed.
    """
    runs: list[DemoRun] = []
    left_out = {name: f"its plugin failed to load: {e}" for name, e in host.failures.items()}
    for spec in [host.backbones[name] for name in backbones] or list(host.backbones):
        presets = [name for name in run_presets(spec) if name.startswith(_FOLDER)]
        missing = missing_requirements(spec)
        if missing or not presets:
            left_out[spec.name] = "; ".join(missing) or "it has no demo presets"
            continue
        runs += [DemoRun(spec.name, preset, seed) for preset in presets for seed in range(n_seeds)]
    runs.sort(key=lambda r: (r.rank, r.seed, r.backbone != _QUICKEST, r.backbone, r.preset))
    return DemoPlan(tuple(runs), left_out)
