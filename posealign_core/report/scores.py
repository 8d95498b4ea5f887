"""Scores of runs that differ only in their seed, pooled over benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.config.files import flatten
from posealign_core.errors import DataError
from posealign_core.evaluation.draws import draws_difference, draws_estimate
from posealign_core.evaluation.statistics import estimate, paired_difference, spread
from posealign_core.report.tables import Measured

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from posealign_core.evaluation.result import BenchmarkResult
    from posealign_core.evaluation.statistics import Estimate, PairedDifference
    from posealign_core.report.collect import FinishedRun

__all__ = [
    "SUBSETS",
    "Chance",
    "RunGroup",
    "deciding_values",
    "group_runs",
    "primary_metric",
    "variant_words",
]

SUBSETS = {"all": "All", "direction_critical": "Direction-critical", "other": "Other"}
"""Subsets of questions and their headings."""
_PREFERRED = ("accuracy", "em", "acc@0.5", "f1@0.5")
_NO_VARIANT = (
    "seed",
    "output.",
    "judge.",
    "dataset.root",
    "dataset.annotations",
    "dataset.tables",
    "dataset.label_map",
    "recover.engine",
    "train.save_every_steps",
    "train.keep_checkpoints",
    "train.log_every_steps",
    "train.workers",
)
"""Keys, or their beginnings, in which runs of one experiment may differ: they decide no answer."""
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
        variant: What sets them apart from others of their backbone and alignment, in words.

    Raises:
        DataError: The runs were asked different questions.
    """

    def __init__(self, runs: Sequence[FinishedRun], variant: str = "") -> None:
        self.runs = tuple(runs)
        self.backbone = runs[0].backbone
        self.alignment = ", ".join(filter(None, (runs[0].alignment, variant)))
        self.mode, self.poses, self.variant = runs[0].mode, runs[0].poses, variant
        asked = [{name: result.keys for name, result in run.results.items()} for run in runs]
        if any(questions != asked[0] for questions in asked):
            names = ", ".join(run.folder.path.name for run in runs)
            raise DataError(f"report: wanted the same questions in the runs {names}, found others")
        seeds = [run.seed for run in runs]
        twice = next((seed for seed in seeds if seeds.count(seed) > 1), None)
        if twice is not None:
            names = ", ".join(run.folder.path.name for run in runs if run.seed == twice)
            raise DataError(
                f"report: wanted one run per seed, found seed {twice} in {names}, which do not "
                "differ in anything that decides answers; leave out all but one"
            )

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

    def measured(self, subset: str, benchmarks: Iterable[str] | None = None) -> Measured | None:
        """The same with the spread between its runs."""
        mean = self.estimate(subset, benchmarks)
        if mean is None:
            return None
        questions = self._questions(subset, benchmarks)
        by_run = np.array([self._by_run[question] for question in questions])
        return Measured(mean, spread(by_run.mean(axis=0)))

    def metric(self, benchmark: str, metric: str, subset: str = "all") -> Measured | None:
        """A metric of a benchmark over all runs; None where they lack it, or the subset."""
        draws = [run.results[benchmark] for run in self.runs]
        if any(metric not in d.scores or subset not in d.subsets for d in draws):
            return None
        mean, apart = draws_estimate(draws, metric, subset)
        return None if apart is None else Measured(mean, apart)

    def metric_difference(
        self, baseline: RunGroup, benchmark: str, metric: str, subset: str = "all"
    ) -> PairedDifference | None:
        """How much better these runs are in a metric; None where questions or metrics differ."""
        ours, theirs = (
            [run.results[benchmark] for run in group.runs if benchmark in run.results]
            for group in (self, baseline)
        )
        lacking = any(metric not in r.scores or subset not in r.subsets for r in (*ours, *theirs))
        if not ours or not theirs or lacking or not _same_questions(ours[0], theirs[0], subset):
            return None
        return draws_difference(ours, theirs, metric, subset)

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

    def was_asked(self, question: _Question) -> bool:
        """Whether the runs have a score of a question."""
        return question in self._scores

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
        scenes = {
            (name, key): scene_id
            for name in self.benchmarks
            for key, scene_id in zip(
                self.runs[0].results[name].keys, self.runs[0].results[name].scene_ids, strict=True
            )
        }
        return {q: (float(row.mean()), scenes[q]) for q, row in self._by_run.items()}

    @cached_property
    def _by_run(self) -> dict[_Question, NDArray[np.float64]]:
        """By question, (D,) scores of the D runs."""
        scores: dict[_Question, NDArray[np.float64]] = {}
        for name in self.benchmarks:
            results = [run.results[name] for run in self.runs]
            metric = primary_metric(results[0])
            rows = np.array([result.scores[metric] for result in results], dtype=np.float64).T
            scores |= {(name, key): row for key, row in zip(results[0].keys, rows, strict=True)}
        return scores


def _same_questions(a: BenchmarkResult, b: BenchmarkResult, subset: str) -> bool:
    return (a.keys, a.subsets[subset]) == (b.keys, b.subsets[subset])


def primary_metric(result: BenchmarkResult) -> str:
    """The metric that stands for a benchmark in pooled tables; `""` where it has none."""
    return next((metric for metric in _PREFERRED if metric in result.scores), "")


def group_runs(runs: Sequence[FinishedRun]) -> list[RunGroup]:
    """Put runs together that differ only in their seed, in the order in which they are given.

    Runs of one backbone and alignment whose configurations differ in anything else stand apart,
    with what they differ in as a part of their name.
    """
    groups = []
    for _, members in groupby(runs, key=lambda run: (run.backbone, run.alignment)):
        variants: dict[str, list[FinishedRun]] = {}
        alike = list(members)
        for run, words in zip(alike, variant_words([r.record.config for r in alike]), strict=True):
            variants.setdefault(words, []).append(run)
        groups += [RunGroup(same, words) for words, same in variants.items()]
    return groups


def variant_words(configs: Sequence[Mapping[str, object]]) -> list[str]:
    """What each configuration has that others have not, in words: `"max_steps 400"`."""
    flat = [deciding_values(config) for config in configs]
    keys = dict.fromkeys(key for values in flat for key in values)
    differing = [k for k in keys if any(values.get(k) != flat[0].get(k) for values in flat)]
    names = {k: k.rpartition(".")[2] for k in differing}
    return [", ".join(f"{names[k]} {v[k]}" for k in differing if k in v) for v in flat]


def deciding_values(config: Mapping[str, object]) -> dict[str, object]:
    """The values, by dotted key, that decide answers; the seed and where things lie do not."""
    plain = flatten(config)
    unused = () if plain.get("align.modes") else ("align.", "recover.")
    ignored = (*_NO_VARIANT, *unused)
    return {key: value for key, value in plain.items() if not key.startswith(ignored)}
