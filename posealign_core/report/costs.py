"""What each run cost and came to, and what its judge made of it."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

from posealign_core.report.tables import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from posealign_core.report.collect import FinishedRun
    from posealign_core.report.scores import RunGroup
    from posealign_core.report.tables import Cell
    from posealign_core.structures.record import StageRecord

__all__ = ["cost_table", "judge_table", "n_trained_parameters"]


def cost_table(groups: Sequence[RunGroup]) -> Table:
    """Time, memory, parameters and tokens of each run."""
    runs = [run for group in groups for run in group.runs]
    return Table(
        key="runs",
        title="Runs and their costs",
        columns=(
            Column("Backbone"),
            Column("Alignment"),
            Column("Seed", "count"),
            Column("Last loss", "count"),
            Column("Trained parameters", "count"),
            Column("Training, s", "count"),
            Column("Answering, s", "count"),
            Column("Judging, s", "count"),
            Column("Judge tokens", "count"),
            Column("Peak memory, GiB", "count"),
            Column("Device"),
            Column("Unanswered", "count"),
            Column("Run"),
        ),
        rows=tuple(map(_cost_row, runs)),
        note="An unanswered question counts as wrong. Peak memory is the GPU's, or, on a "
        "processor, the whole process's.",
    )


def _cost_row(run: FinishedRun) -> tuple[Cell, ...]:
    tokens = [one.tokens_in + one.tokens_out for one in run.judgements.values() if one.uses_llm]
    peaks = [stage.peak_memory_gib for stage in run.record.stages.values()]
    return (
        run.backbone,
        run.alignment,
        run.seed,
        round(run.losses[-1][1], 4) if run.losses else None,
        n_trained_parameters(run.folder.checkpoints / "final"),
        _seconds(run, "train"),
        _seconds(run, "predict"),
        _seconds(run, "judge"),
        sum(tokens) if tokens else None,
        round(max(peaks), 2) if any(peaks) else None,
        run.record.environment.get("devices"),
        sum(result.n_missing for result in run.results.values()),
        run.folder.path.name,
    )


def _seconds(run: FinishedRun, prefix: str) -> float | None:
    found: list[StageRecord] = [
        stage for name, stage in run.record.stages.items() if name.split()[0] == prefix
    ]
    return round(sum(stage.seconds for stage in found), 1) if found else None


def n_trained_parameters(checkpoint: Path) -> int | None:
    """How many numbers a checkpoint holds, by the headers of its files; None where it is gone."""
    files = sorted(checkpoint.glob("*.safetensors"))
    return sum(n for file in files for n in _tensor_sizes(file)) if files else None


def _tensor_sizes(path: Path) -> Iterator[int]:
    """Numbers in each tensor of a safetensors file, from its header alone."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    for name, entry in header.items():
        if name != "__metadata__":
            n = 1
            for size in entry["shape"]:
                n *= size
            yield n


def judge_table(groups: Sequence[RunGroup]) -> Table:
    """What judges made of the answers, with every denominator in the open."""
    rows: list[tuple[Cell, ...]] = []
    for run in (run for group in groups for run in group.runs):
        for name, one in run.judgements.items():
            for part, counts in one.parts.items():
                subset = part.replace("_", "-")
                shares = [counts[share] for share in ("strict", "valid", "upper", "coverage")]
                who = (one.judge, "LLM" if one.uses_llm else "no LLM", one.rubric)
                quotable = "yes" if counts["complete"] and one.uses_llm else "no"
                numbers = [counts[n] for n in ("n", "n_missing", "n_invalid", "n_error")]
                whose = (run.backbone, run.alignment, run.seed)
                rows.append((name, subset, *whose, *who, *shares, quotable, *numbers))
    return Table(
        key="judge",
        title="What the judge made of it",
        columns=(
            Column("Benchmark"),
            Column("Questions"),
            Column("Backbone"),
            Column("Alignment"),
            Column("Seed", "count"),
            Column("Judge"),
            Column("Kind"),
            Column("Rubric"),
            Column("Of all, %", "percent"),
            Column("Of those judged, %", "percent"),
            Column("At most, %", "percent"),
            Column("Judged, %", "percent"),
            Column("Quotable"),
            Column("n", "count"),
            Column("Missing", "count"),
            Column("Unparsed", "count"),
            Column("Errors", "count"),
        ),
        rows=tuple(rows),
        note="Of all: what is missing or has no verdict is wrong. At most: had all answers "
        "without a verdict been right. Intervals and differences stand in 'Metric by metric'. "
        "Rules on words are no LLM, and their figure is no judge accuracy.",
    )
