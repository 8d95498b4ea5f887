"""Run folders as runs leave them, made by hand."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posealign_core.evaluation.result import BenchmarkResult, save_result
from posealign_core.runs.folder import RunFolder
from posealign_core.structures.record import CodeVersion, RunRecord, StageRecord

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class MadeRun:
    """A run that never happened: what it would have left behind."""

    name: str
    backbone: str = "toy"
    modes: tuple[str, ...] = ()
    selector: Mapping[str, object] = field(default_factory=lambda: {"name": "top"})
    seed: int = 0
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By benchmark; even questions are direction-critical, four questions make a scene."""
    metric: str | None = None
    """Name of the one metric; `""` for none; None for what the benchmark has."""

    def write(self, root: Path) -> Path:
        folder = RunFolder(root / self.name)
        align = {
            "modes": list(self.modes),
            "selector": dict(self.selector),
            "ego_frame": "camera",
            "fidelity": "correct",
        }
        record = RunRecord(
            run_id=self.name,
            command=f"posealign run -o output.name={self.name}",
            config={"backbone": {"name": self.backbone}, "align": align},
            config_digest="d" * 64,
            backbone_config={},
            code=CodeVersion(version="9.8.7", commit="c0ffee" * 6),
            environment={"python": "3.x", "devices": "abacus"},
            plugins={"rooms": "posealign 9.8.7"},
            seed=self.seed,
            stages={"train": StageRecord(status="finished", seconds=12.5, peak_memory_gib=2.5)},
            created="2026-01-02T03:04:05+00:00",
        )
        folder.write_record(record)
        folder.write_config(record)
        lines = [{"step": step, "loss": 2.0 - step / 100} for step in range(10, 110, 10)]
        folder.train_log.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        for name, scores in self.scores.items():
            save_result(folder.results(name), self._result(name, scores))
        return folder.path

    def _result(self, name: str, scores: Sequence[float]) -> BenchmarkResult:
        keys = tuple(f"q{i}" for i in range(len(scores)))
        metric = {"nr3d": "accuracy"}.get(name, "em") if self.metric is None else self.metric
        source = "recovered" if self.modes else "none"
        return BenchmarkResult(
            benchmark=name,
            split="val",
            keys=keys,
            scene_ids=tuple(f"scene{i // 4}" for i in range(len(keys))),
            scores={metric: tuple(scores)} if metric else {},
            subsets={"all": keys, "direction_critical": keys[::2], "other": keys[1::2]},
            n_predicted=len(keys),
            pose_counts={source: len(keys) - 1, "fallback": 1},
            fallback_reasons={"nothing sees it": 1},
        )


# Direction-critical questions stand at even places.
WEAK = (0, 1, 1, 1, 0, 1, 0, 1, 1, 1, 0, 1)  # critical 2 of 6, other 6 of 6
STRONG = (1, 1, 1, 1, 1, 1, 0, 1, 1, 0, 1, 1)  # critical 5 of 6, other 5 of 6
