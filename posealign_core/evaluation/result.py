"""The scores of one run on one benchmark, by question, with their averages."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posealign_core.atomic import write_text
from posealign_core.errors import DataError
from posealign_core.evaluation.statistics import Estimate, PairedDifference, estimate
from posealign_core.evaluation.statistics import paired_difference as _paired_difference

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["BenchmarkResult", "load_result", "paired_difference", "save_result"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """Scores of every question of a benchmark, answered or not.

    Attributes:
        benchmark: The benchmark.
        split: Its split.
        keys: Ids of all questions.
        scene_ids: The scan of each.
        scores: By metric, one score per question in [0, 1]; 0 where no answer was given.
        subsets: By name, ids of the questions in it; `"all"` has every question.
        n_predicted: Questions with an answer.
        pose_counts: How many poses came about in which way.
        fallback_reasons: How often a pose was replaced for which reason.
        profile: Rules of scoring (benchmarks spec 1): missing answers are wrong, answers given
            twice are errors.
        schema_version: Version of this record.
    """

    benchmark: str
    split: str
    keys: tuple[str, ...]
    scene_ids: tuple[str, ...]
    scores: Mapping[str, tuple[float, ...]]
    subsets: Mapping[str, tuple[str, ...]]
    n_predicted: int
    pose_counts: Mapping[str, int] = field(default_factory=dict)
    fallback_reasons: Mapping[str, int] = field(default_factory=dict)
    profile: str = "strict"
    schema_version: int = SCHEMA_VERSION

    @property
    def n_missing(self) -> int:
        """Questions without an answer."""
        return len(self.keys) - self.n_predicted

    def estimate(self, metric: str, subset: str = "all") -> Estimate:
        """Average a metric over a subset, with its 95 % interval.

        Raises:
            DataError: There is no such metric or subset.
        """
        values, scene_ids = self._select(metric, subset)
        return estimate(values, scene_ids)

    def _select(self, metric: str, subset: str) -> tuple[list[float], list[str]]:
        if metric not in self.scores or subset not in self.subsets:
            raise DataError(
                f"{self.benchmark}: wanted {metric!r} on {subset!r}, found the metrics "
                f"{', '.join(self.scores)} and the subsets {', '.join(self.subsets)}"
            )
        members = set(self.subsets[subset])
        rows = [i for i, key in enumerate(self.keys) if key in members]
        return [self.scores[metric][i] for i in rows], [self.scene_ids[i] for i in rows]


def paired_difference(
    run: BenchmarkResult, baseline: BenchmarkResult, metric: str, subset: str = "all"
) -> PairedDifference:
    """Compare two runs on the same questions.

    Raises:
        DataError: The runs were not asked the same questions, or lack the metric or the subset.
    """
    if run.keys != baseline.keys or run.subsets.get(subset) != baseline.subsets.get(subset):
        raise DataError(
            f"{run.benchmark}: wanted two runs on the same questions, found {len(run.keys)} and "
            f"{len(baseline.keys)}, {len({*run.keys} & {*baseline.keys})} of them in common"
        )
    values, scene_ids = run._select(metric, subset)
    return _paired_difference(values, baseline._select(metric, subset)[0], scene_ids)


def save_result(path: Path, result: BenchmarkResult) -> None:
    """Write a result as JSON: every score, and for readers the averages of each subset."""
    estimates = {
        subset: {
            metric: dataclasses.asdict(result.estimate(metric, subset)) for metric in result.scores
        }
        for subset in result.subsets
    }
    values = {**dataclasses.asdict(result), "estimates": estimates}
    write_text(path, json.dumps(values) + "\n")


def load_result(path: Path) -> BenchmarkResult:
    """Read a result.

    Raises:
        DataError: The file is missing, damaged or of another schema version.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values.pop("estimates")
        if values["schema_version"] != SCHEMA_VERSION:
            raise DataError(
                f"{path}: wanted schema version {SCHEMA_VERSION}, found "
                f"{values['schema_version']!r}; score again with 'posealign score'"
            )
        for name in ("keys", "scene_ids"):
            values[name] = tuple(values[name])
        for name in ("scores", "subsets"):
            values[name] = {key: tuple(items) for key, items in values[name].items()}
        return BenchmarkResult(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is no result of a benchmark ({error}); score again") from error
