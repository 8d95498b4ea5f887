"""Which runs a study consists of, and how far each is."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posealign_core.config.convert import to_plain
from posealign_core.config.load import load_run_config
from posealign_core.config.presets import run_presets
from posealign_core.errors import ConfigError, DataError
from posealign_core.runs.diagnosis import missing_requirements
from posealign_core.runs.folder import RunFolder
from posealign_core.runs.judging import can_judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from posealign_core.config.load import ResolvedConfig
    from posealign_core.host import PluginHost
    from posealign_core.runs.study_file import StudyFile
    from posealign_core.structures.record import RunRecord

__all__ = ["DONE", "StudyMember", "StudyPlan", "member_state", "plan_study"]

DONE, NEW = "done", "new"


@dataclass(frozen=True, kw_only=True)
class StudyMember:
    """One run of a study.

    Attributes:
        label: Its cell and seed, in words.
        cell: Where it stands on each axis.
        preset: Run preset with its backbone.
        values: What the study sets beyond the preset, by dotted key.
        resolved: Its configuration.
        folder: Its run folder.
        stages: Names of the stages that it consists of.
    """

    label: str
    cell: Mapping[str, object]
    preset: str
    values: Mapping[str, Any]
    resolved: ResolvedConfig
    folder: RunFolder
    stages: tuple[str, ...]


@dataclass(frozen=True)
class StudyPlan:
    """What a study will do.

    Attributes:
        members: Its runs, in order.
        left_out: What is not among them, and why.
    """

    members: tuple[StudyMember, ...]
    left_out: Mapping[str, str]


def plan_study(host: PluginHost, study: StudyFile) -> StudyPlan:
    """Lay out the grid: backbones, presets, further axes, seeds.

    Raises:
        ConfigError: A cell's configuration has faults; those of all cells are named.
        UnknownComponentError: A named backbone is not installed.
    """
    members: dict[str, StudyMember] = {}
    left_out = {name: f"its plugin failed to load: {e}" for name, e in host.failures.items()}
    faults: list[str] = []
    for cell in _cells(host, study, left_out):
        if any(_matches(cell, excluded) for excluded in study.exclude):
            continue
        try:
            member = _member(host, study, cell, left_out)
        except ConfigError as error:
            faults += [f"{_label(cell)}: {fault}" for fault in error.faults]
            continue
        twin = members.setdefault(member.resolved.digest, member)
        if twin is not member:
            left_out[member.label] = f"its configuration is that of {twin.label}"
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)), source="study")
    return StudyPlan(tuple(members.values()), left_out)


def _cells(
    host: PluginHost, study: StudyFile, left_out: dict[str, str]
) -> Iterator[dict[str, object]]:
    """The whole grid; runs that every comparison needs (first presets, first seeds) come first."""
    specs = [host.backbones[name] for name in study.backbones] or list(host.backbones)
    available = []
    for spec in specs:
        missing = missing_requirements(spec)
        if missing:
            left_out[spec.name] = "; ".join(missing)
            continue
        known = set(run_presets(spec)) & set(study.presets)
        available.append((spec.name, known))
        lacking = [preset for preset in study.presets if preset not in known]
        if lacking:
            left_out[spec.name] = f"it has no run preset {', '.join(lacking)}"
    axes = [[(axis, value) for value in values] for axis, values in study.axes.items()]
    for seed, preset, (backbone, known) in itertools.product(study.seeds, study.presets, available):
        if preset in known:
            for places in itertools.product(*axes):
                yield {"backbone": backbone, "preset": preset, **dict(places), "seed": seed}


def _matches(cell: Mapping[str, object], excluded: Mapping[str, object]) -> bool:
    return all(cell[axis] == value for axis, value in excluded.items())


def _label(cell: Mapping[str, object]) -> str:
    places = [str(value) for axis, value in cell.items() if axis not in {"backbone", "seed"}]
    return f"{cell['backbone']}: {', '.join(places)}, seed {cell['seed']}"


def _member(
    host: PluginHost, study: StudyFile, cell: Mapping[str, object], left_out: dict[str, str]
) -> StudyMember:
    words = [str(value) for axis, value in cell.items() if axis != "seed"]
    values: dict[str, Any] = {
        **study.settings,
        **{k: v for axis, named in study.axes.items() for k, v in named[str(cell[axis])].items()},
        "seed": cell["seed"],
        "output.root": str(study.output),
        "output.name": "-".join(words).replace("/", "-"),
    }
    preset = f"{cell['backbone']}/{cell['preset']}"
    resolved = load_run_config(host, preset=preset, values=values)
    fitting = dict(_fitting_benchmarks(host, resolved, left_out))
    if fitting:
        values |= fitting
        resolved = load_run_config(host, preset=preset, values=values)
    return StudyMember(
        label=_label(cell),
        cell=cell,
        preset=preset,
        values=values,
        resolved=resolved,
        folder=RunFolder(study.output / resolved.name),
        stages=tuple(_stages(host, resolved, trained=study.trained)),
    )


def _fitting_benchmarks(
    host: PluginHost, resolved: ResolvedConfig, left_out: dict[str, str]
) -> Iterator[tuple[str, list[str]]]:
    """Lists of benchmarks without those that the backbone cannot answer, where there are such."""
    config = resolved.config
    kinds = host.backbones[config.backbone.name].tags.kinds
    lists = {
        "dataset.benchmarks": config.dataset.benchmarks,
        "evaluate.benchmarks": config.evaluate.benchmarks,
    }
    for key, names in lists.items():
        fitting = [name for name in names if host.benchmarks[name].kind in kinds]
        for name in set(names) - set(fitting):
            kind = host.benchmarks[name].kind.value
            left_out[f"{config.backbone.name} on {name}"] = f"the backbone has no answers to {kind}"
        if len(fitting) < len(names):
            yield key, fitting


def _stages(host: PluginHost, resolved: ResolvedConfig, *, trained: bool) -> Iterator[str]:
    if trained:
        yield "train"
    for benchmark in resolved.config.eval_benchmarks:
        yield f"predict {benchmark}"
        yield f"score {benchmark}"
        if resolved.config.judge.judges and can_judge(host.benchmarks[benchmark].kind):
            yield f"judge {benchmark}"


def member_state(member: StudyMember) -> str:
    """How far a member is: `"done"`, `"new"`, or in words what is left of an earlier attempt.

    What a stage depends on (annotations, tables) is looked at by the run itself, not here: remove
    a member's folder, or run it by its own command, where that has changed.
    """
    try:
        record = member.folder.read_record()
    except DataError as error:
        return f"its record is damaged: {error}"
    if record is None:
        return NEW
    for name in member.stages:
        stage = record.stages.get(name)
        if stage is None:
            return f"before {name!r}"
        if stage.status != "finished":
            return f"{name!r} {stage.status}{f': {stage.error}' if stage.error else ''}"
        lost = [path for path in stage.outputs if not (member.folder.path / path).is_file()]
        if lost:
            return f"{name!r} lost {lost[0]}"
    return DONE if _same_judge(record, member) else "another judge than the study's"


def _same_judge(record: RunRecord, member: StudyMember) -> bool:
    wanted: object = to_plain(member.resolved.config.judge)
    return record.config.get("judge") == wanted
