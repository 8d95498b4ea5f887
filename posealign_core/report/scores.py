"""Scores of runs that differ only in their seed, pooled over benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import DataError
from posealign_core.evaluation.statistics import estimate, paired_difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from posealign_core.evaluation.result import BenchmarkResult
    from posealign_core.evaluation.statistics import Estimate, PairedDifference
    from posealign_core.report.collect import FinishedRun

__all__ = ["SUBSETS", "Chance", "RunGroup", "group_runs", "primary_metric"]

SUBSETS = {"all": "All", "direction_critical": "Direction-critical", "other": "Other"}
"""Subsets of questions and their headings."""
_PREFERRED = ("accuracy", "em", "acc@0.5", "f1@0.5")
_Question = tuple[str, str]
"""Benchmark and query id."""


@dataclass(frozen=True)
class Chance:
    """What the best answerer that does not know the pose reaches.

    Attributes:
        levels: Share of right answers, by benchmark and subset.
    """

    levels: Mapping[str, Mapping[str, float]]

    def level(self, counts: Mapping[str, int], subset: str) -> float | None:
        """Level over several benchmarks with so many questions each; None where one is unknown."""
        if not counts or any(subset not in self.levels.get(name, {}) for name in counts):
            return None
        total = sum(counts.values())
        return sum(n * self.levels[name][subset] for name, n in counts.items()) / total


class RunGroup:
    """Runs of one backbone and alignment; a question's score is its mean over the seeds.

    Args:
        runs: At least one, all with the same questions.

    Raises:
        DataError: The runs were asked different questions.
    """

    def __init__(self, runs: Sequence[FinishedRun]) -> None:
        self.runs = tuple(runs)
        self.backbone, self.alignment = runs[0].backbone, runs[0].alignment
        asked = [{name: result.keys for name, result in run.results.items()} for run in runs]
        if any(questions != asked[0] for questions in asked):
            names = ", ".join(run.folder.path.name for run in runs)
            raise DataError(f"report: wanted the same questions in the runs {names}, found others")

    @property
    def label(self) -> str:
        """Backbone and alignment."""
        return f"{self.backbone}: {self.alignment}"

    @property
    def benchmarks(self) -> list[str]:
        """Benchmarks that have a score."""
        results = self.runs[0].results
        return [name for name, result in results.items() if primary_metric(result)]

    def count(self, subset: str, benchmarks: Iterable[str] | None = None) -> dict[str, int]:
        """Questions of a subset, by benchmark; benchmarks without any are left out."""
        chosen = self._questions(subset, benchmarks)
        return {name: len(list(items)) for name, items in groupby(chosen, key=lambda q: q[0])}

    def estimate(self, subset: str, benchmarks: Iterable[str] | None = None) -> Estimate | None:
        """Mean score over a subset of the benchmarks' questions; None where there are none."""
        questions = self._questions(subset, benchmarks)
        if not questions:
            return None
        scores, scenes = self._values(questions)
        return estimate(scores, scenes)

    def difference(self, baseline: RunGroup, subset: str) -> PairedDifference | None:
        """How much better these runs are than others on the questions of a subset.

        Raises:
            DataError: The others were asked different questions.
        """
        questions = self._questions(subset)
        if questions != baseline._questions(subset):
            raise DataError(
                f"report: {self.label} and {baseline.label} were asked different questions; report "
                "on runs of one benchmark and split"
            )
        if not questions:
            return None
        scores, scenes = self._values(questions)
        return paired_difference(scores, baseline._values(questions)[0], scenes)

    def score(self, question: _Question) -> float:
        """Mean score of one question."""
        return self._scores[question][0]

    def _questions(self, subset: str, benchmarks: Iterable[str] | None = None) -> list[_Question]:
        names = self.benchmarks if benchmarks is None else list(benchmarks)
        results = self.runs[0].results
        return [(name, key) for name in names for key in results[name].subsets.get(subset, ())]

    def _values(self, questions: Sequence[_Question]) -> tuple[list[float], list[str]]:
        pairs = [self._scores[question] for question in questions]
        return [score for score, _ in pairs], [scene for _, scene in pairs]

    @cached_property
    def _scores(self) -> dict[_Question, tuple[float, str]]:
        scores: dict[_Question, tuple[float, str]] = {}
        for name in self.benchmarks:
            results = [run.results[name] for run in self.runs]
            metric = primary_metric(results[0])
            scored = np.array([result.scores[metric] for result in results], dtype=np.float64)
            means = scored.mean(axis=0).tolist()
            rows = zip(results[0].keys, means, results[0].scene_ids, strict=True)
            scores |= {(name, key): (mean, scene) for key, mean, scene in rows}
        return scores


def primary_metric(result: BenchmarkResult) -> str:
    """The metric that stands for a benchmark in pooled tables; `""` where it has none."""
    return next((metric for metric in _PREFERRED if metric in result.scores), "")


def group_runs(runs: Sequence[FinishedRun]) -> list[RunGroup]:
    """Put runs together that differ only in their seed, in the order in which they are given."""
    grouped = groupby(runs, key=lambda run: (run.backbone, run.alignment))
    return [RunGroup(list(members)) for _, members in grouped]
