"""What the folders of several runs hold, read once."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from posealign_core.errors import DataError
from posealign_core.evaluation.paper_match import Setting
from posealign_core.evaluation.result import load_result, require_one_protocol
from posealign_core.judge.judgement import load_judgement, require_one_judge
from posealign_core.runs.folder import RunFolder
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from posealign_core.evaluation.result import BenchmarkResult
    from posealign_core.judge.judgement import Judgement
    from posealign_core.structures.record import RunRecord

__all__ = ["BASELINE", "FinishedRun", "collect_runs", "find_runs"]

BASELINE = "baseline"
"""Alignment of a run without any mode: the plain backbone."""


@dataclass(frozen=True, kw_only=True)
class FinishedRun:
    """One run with results.

    Attributes:
        folder: Its folder.
        record: Its record.
        results: Its scores, by benchmark, the judge's among them.
        judgements: What a judge made of its answers, by benchmark.
        losses: Logged training steps with their losses.
    """

    folder: RunFolder
    record: RunRecord
    results: Mapping[str, BenchmarkResult]
    judgements: Mapping[str, Judgement]
    losses: Sequence[tuple[float, float]]

    @property
    def backbone(self) -> str:
        """Registered name of the backbone."""
        return str(self._section("backbone")["name"])

    @property
    def mode(self) -> str:
        """Modes of alignment in words: `"transform"`, or `"baseline"`."""
        return " + ".join(self._section("align")["modes"]) or BASELINE

    @property
    def poses(self) -> str:
        """Where poses came from and how they were used: `"level, clip (ratio 0.3)"`."""
        align = self._section("align")
        if not align["modes"]:
            return ""
        frame = [] if align["ego_frame"] == "camera" else [str(align["ego_frame"])]
        released = [] if align["fidelity"] == "correct" else [str(align["fidelity"])]
        noise = _noise_words(align.get("noise") or {})
        return ", ".join([*frame, _selector_words(align["selector"]), *noise, *released])

    @property
    def alignment(self) -> str:
        """Both in words: `"transform, level, top"`."""
        return ", ".join(filter(None, (self.mode, self.poses)))

    @property
    def setting(self) -> Setting:
        """What decides which row of the paper it belongs to."""
        align = self._section("align")
        ratio = align["selector"].get("ratio")
        return Setting(
            backbone=self.backbone,
            modes=tuple(map(AlignMode, align["modes"])),
            selector=str(align["selector"]["name"]),
            ratio=None if ratio is None else float(ratio),
            plain=not _noise_words(align.get("noise") or {}),
        )

    @property
    def mode_order(self) -> tuple[int, ...]:
        """Sorts baselines first, then by mode as the vocabulary lists them."""
        known = [mode.value for mode in AlignMode]
        return tuple(sorted(known.index(mode) for mode in self._section("align")["modes"]))

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.record.seed

    def _section(self, name: str) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self.record.config[name])


def _noise_words(noise: Mapping[str, Any]) -> list[str]:
    units = {"yaw_deg": "°", "shift_m": " m"}
    bounds = [f"{noise[name]:g}{unit}" for name, unit in units.items() if noise.get(name)]
    return [f"disturbed by {' and '.join(bounds)}"] if bounds else []


def _selector_words(selector: Mapping[str, Any]) -> str:
    """A selector's name and what it was given: `"clip (ratio 0.3)"`."""
    given = {key: value for key, value in selector.items() if key != "name"}
    words = [
        f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in given.items()
    ]
    return f"{selector['name']} ({', '.join(words)})" if words else str(selector["name"])


def find_runs(roots: Sequence[Path]) -> tuple[list[Path], dict[str, str]]:
    """Run folders among and below some folders.

    Returns:
        The folders, by name within each root; and the runs below a root that have no scores yet,
        which are left out, with the reason. A root that is a run itself is never left out.
    """
    found: dict[Path, None] = {}
    left_out: dict[str, str] = {}
    for root in roots:
        for path in sorted(record.parent for record in root.rglob("run.json")):
            if path == root or any(path.glob("results/*.json")):
                found[path] = None
            else:
                left_out[path.name] = "it has no scores yet"
    return list(found), left_out


def collect_runs(paths: Sequence[Path]) -> list[FinishedRun]:
    """Read runs; baselines come first within each backbone.

    Raises:
        DataError: A folder holds no run, or one without results; there is none at all; or runs
            were scored by different protocols, or judged by different judges.
    """
    runs = [_read(RunFolder(path)) for path in paths]
    if not runs:
        raise DataError("report: wanted at least one run folder, found none; run 'posealign run'")
    require_one_protocol(result for run in runs for result in run.results.values())
    require_one_judge(judgement for run in runs for judgement in run.judgements.values())
    return sorted(runs, key=lambda run: (run.backbone, run.mode_order, run.alignment, run.seed))


def _read(folder: RunFolder) -> FinishedRun:
    record = folder.read_record()
    if record is None:
        raise DataError(f"{folder.path}: wanted a run folder, found no run.json")
    results = {path.stem: load_result(path) for path in sorted(folder.path.glob("results/*.json"))}
    if not results:
        raise DataError(
            f"{folder.path}: wanted scores, found none; run 'posealign run --run {folder.path}'"
        )
    judgements = {
        name: load_judgement(path) for name in results if (path := folder.judgement(name)).is_file()
    }
    return FinishedRun(
        folder=folder,
        record=record,
        results={name: _with_judge(r, judgements.get(name)) for name, r in results.items()},
        judgements=judgements,
        losses=_losses(folder),
    )


def _with_judge(result: BenchmarkResult, judgement: Judgement | None) -> BenchmarkResult:
    """A judge's verdicts are one more metric."""
    if judgement is None:
        return result
    judged = judgement.scores(result.keys)
    return dataclasses.replace(result, scores={**result.scores, **judged})


def _losses(folder: RunFolder) -> list[tuple[float, float]]:
    if not folder.train_log.is_file():
        return []
    lines = folder.train_log.read_text(encoding="utf-8").splitlines()
    logged = [json.loads(line) for line in lines]
    return [(line["step"], line["loss"]) for line in logged if "loss" in line]
