"""The demonstration: a study of all installed backbones, with and without PoseAlign, on rooms."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from posealign_core.config.presets import run_presets
from posealign_core.runs.study_file import StudyFile
from posealign_core.runs.study_plan import StudyPlan, plan_study

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posealign_core.host import PluginHost
    from posealign_core.runs.study_plan import StudyMember

__all__ = ["demo_study", "plan_demo"]

_FOLDER = "demo/"
"""Run presets in this folder of a backbone's presets are part of the demonstration."""
_ORDER = ("baseline", "transform", "transform-recovered")
"""What every comparison needs comes first, for all backbones; then the rest as time allows."""
_QUICKEST = "template"
"""The tutorial's backbone goes before the others: it shows the effect within three minutes."""
_EVERY = 5
"""The rooms' paths are short: every 25th frame, as published for video, would leave a handful."""
_BENCHMARKS = ("scanqa", "sqa3d", "nr3d")


def demo_study(
    host: PluginHost, output: Path, *, backbones: Sequence[str] = (), n_seeds: int = 1
) -> StudyFile:
    """The grid of the demonstration.

    Args:
        host: Knows the installed backbones.
        output: Gets the run folders; the rooms lie beside it.
        backbones: Names of those to run; all where empty.
        n_seeds: Runs with seeds 0, 1, ... of each.

    Raises:
        UnknownComponentError: A named backbone is not installed.
        ConfigError: None has presets for the demonstration.
    """
    specs = [host.backbones[name] for name in backbones] or list(host.backbones)
    presets = {name for spec in specs for name in run_presets(spec) if name.startswith(_FOLDER)}
    rooms = output.with_name("rooms")
    dataset = {
        "name": "scannet",
        "root": str(rooms),
        "annotations": str(rooms / "annotations"),
        "benchmarks": list(_BENCHMARKS),
    }
    return StudyFile(
        title="PoseAlign on made-up rooms",
        output=output,
        presets=tuple(sorted(presets)),
        backbones=tuple(backbones),
        seeds=tuple(range(n_seeds)),
        settings={"dataset": dataset, "recover": {"every": _EVERY}},
        chance=rooms / "rooms.json",
    )


def plan_demo(host: PluginHost, study: StudyFile) -> StudyPlan:
    """The runs of the demonstration, those first that show most; errors as for `plan_study`."""
    plan = plan_study(host, study)
    return replace(plan, members=tuple(sorted(plan.members, key=_rank)))


def _rank(member: StudyMember) -> tuple[object, ...]:
    backbone, preset, seed = (member.cell[axis] for axis in ("backbone", "preset", "seed"))
    mode = str(preset).removeprefix(_FOLDER)
    wait = max(0, _ORDER.index(mode) - 1) if mode in _ORDER else len(_ORDER)
    return wait, seed, backbone != _QUICKEST, backbone, preset
