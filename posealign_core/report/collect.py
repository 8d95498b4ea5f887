"""What the folders of several runs hold, read once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from posealign_core.errors import DataError
from posealign_core.evaluation.result import load_result, require_one_protocol
from posealign_core.runs.folder import RunFolder
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from posealign_core.evaluation.result import BenchmarkResult
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
        results: Its scores, by benchmark.
        losses: Logged training steps with their losses.
    """

    folder: RunFolder
    record: RunRecord
    results: Mapping[str, BenchmarkResult]
    losses: Sequence[tuple[float, float]]

    @property
    def backbone(self) -> str:
        """Registered name of the backbone."""
        return str(self._section("backbone")["name"])

    @property
    def alignment(self) -> str:
        """How the run used poses, in words: `"transform, level, top"`."""
        align = self._section("align")
        if not align["modes"]:
            return BASELINE
        frame = [] if align["ego_frame"] == "camera" else [str(align["ego_frame"])]
        released = [] if align["fidelity"] == "correct" else [str(align["fidelity"])]
        return ", ".join(
            [" + ".join(align["modes"]), *frame, _selector_words(align["selector"]), *released]
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


def _selector_words(selector: Mapping[str, Any]) -> str:
    """A selector's name and what it was given: `"clip (ratio 0.3)"`."""
    given = {key: value for key, value in selector.items() if key != "name"}
    words = [
        f"{key} {' '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in given.items()
    ]
    return f"{selector['name']} ({', '.join(words)})" if words else str(selector["name"])


def find_runs(root: Path) -> list[Path]:
    """Run folders below a folder, itself included, by name."""
    return sorted(path.parent for path in root.rglob("run.json"))


def collect_runs(paths: Sequence[Path]) -> list[FinishedRun]:
    """Read runs; baselines come first within each backbone.

    Raises:
        DataError: A folder holds no run, or one without results; there is none at all; or runs
            were scored by different protocols.
    """
    runs = [_read(RunFolder(path)) for path in paths]
    if not runs:
        raise DataError("report: wanted at least one run folder, found none; run 'posealign run'")
    require_one_protocol(result for run in runs for result in run.results.values())
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
    return FinishedRun(folder=folder, record=record, results=results, losses=_losses(folder))


def _losses(folder: RunFolder) -> list[tuple[float, float]]:
    if not folder.train_log.is_file():
        return []
    lines = folder.train_log.read_text(encoding="utf-8").splitlines()
    logged = [json.loads(line) for line in lines]
    return [(line["step"], line["loss"]) for line in logged if "loss" in line]
