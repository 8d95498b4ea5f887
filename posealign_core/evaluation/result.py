"""The scores of one run on one benchmark, by question, with their averages."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_core.atomic import write_text
from posealign_core.errors import DataError
from posealign_core.evaluation.metrics.corpus import corpus_value, family_of
from posealign_core.evaluation.statistics import (
    Estimate,
    PairedDifference,
    estimate,
    estimate_of_sums,
    paired_difference_of_sums,
)
from posealign_core.evaluation.statistics import paired_difference as _paired_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "BenchmarkResult",
    "load_result",
    "paired_difference",
    "require_one_protocol",
    "save_result",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class BenchmarkResult:
    """Scores of every question of a benchmark, answered or not.

    Attributes:
        benchmark: The benchmark.
        split: Its split.
        keys: Ids of all questions.
        scene_ids: The scan of each.
        scores: By metric, one score per question, in [0, 1] except for CIDEr, whose full score is
            10; None where the question does not count.
        subsets: By name, ids of the questions in it; `"all"` has every question.
        n_predicted: Questions with an answer.
        n_duplicate: Answers to a question that had one; the last one counted.
        n_unknown: Answers to no question; they did not count.
        statistics: By family of corpus metrics (`"bleu"`, `"meteor"`), what each question adds up
            to; such a metric is computed from the sums, and `scores` has it question by question.
        pose_counts: How many poses came about in which way.
        fallback_reasons: How often a pose was replaced for which reason.
        protocol: Rules of scoring (benchmarks spec 1).
        protocol_version: Their version.
        tokenizer: How texts became tokens: `"ptb"`, `"blanks"`, `"approximate"` (which compares
            with no published score), or `""`.
        remarks: What a reader must know, by subject: why a metric was not computed, for example.
        queries_digest: The sha256 of the annotations as they were read.
        packages: Versions of the packages that scored.
        schema_version: Version of this record.
    """

    benchmark: str
    split: str
    keys: tuple[str, ...]
    scene_ids: tuple[str, ...]
    scores: Mapping[str, tuple[float | None, ...]]
    subsets: Mapping[str, tuple[str, ...]]
    n_predicted: int
    n_duplicate: int = 0
    n_unknown: int = 0
    statistics: Mapping[str, tuple[tuple[float, ...], ...]] = field(default_factory=dict)
    pose_counts: Mapping[str, int] = field(default_factory=dict)
    fallback_reasons: Mapping[str, int] = field(default_factory=dict)
    protocol: str = "strict"
    protocol_version: int = 1
    tokenizer: str = ""
    remarks: Mapping[str, str] = field(default_factory=dict)
    queries_digest: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
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
        rows = self._rows(metric, subset)
        scene_ids = [self.scene_ids[i] for i in rows]
        corpus = self._corpus(metric)
        if corpus is None:
            return estimate(self._values(metric, rows), scene_ids)
        statistics, value = corpus
        return estimate_of_sums([statistics[i] for i in rows], value, scene_ids)

    def _rows(self, metric: str, subset: str) -> list[int]:
        """Places of the subset's questions that count for the metric."""
        if metric not in self.scores or subset not in self.subsets:
            raise DataError(
                f"{self.benchmark}: wanted {metric!r} on {subset!r}, found the metrics "
                f"{', '.join(self.scores)} and the subsets {', '.join(self.subsets)}"
            )
        members, scores = set(self.subsets[subset]), self.scores[metric]
        return [i for i, key in enumerate(self.keys) if key in members and scores[i] is not None]

    def _values(self, metric: str, rows: Sequence[int]) -> NDArray[np.float64]:
        return np.array([self.scores[metric][i] for i in rows], dtype=np.float64)

    def _corpus(self, metric: str) -> tuple[Sequence[Sequence[float]], Callable[[Any], Any]] | None:
        """Statistics that a metric is computed from, and how; None for a mean of scores."""
        name, _, threshold = metric.partition("@")
        family = f"{family_of(name)}@{threshold}" if threshold else family_of(name)
        if family not in self.statistics:
            return None
        return self.statistics[family], partial(corpus_value, name)


def paired_difference(
    run: BenchmarkResult, baseline: BenchmarkResult, metric: str, subset: str = "all"
) -> PairedDifference:
    """Compare two runs on the same questions.

    Raises:
        DataError: The runs were not asked the same questions, were scored by different rules, or
            lack the metric or the subset.
    """
    require_one_protocol([run, baseline])
    if run.keys != baseline.keys or run.subsets.get(subset) != baseline.subsets.get(subset):
        raise DataError(
            f"{run.benchmark}: wanted two runs on the same questions, found {len(run.keys)} and "
            f"{len(baseline.keys)}, {len({*run.keys} & {*baseline.keys})} of them in common"
        )
    theirs = set(baseline._rows(metric, subset))
    rows = [i for i in run._rows(metric, subset) if i in theirs]
    scene_ids = [run.scene_ids[i] for i in rows]
    a, b = run._values(metric, rows), baseline._values(metric, rows)
    ours, others = run._corpus(metric), baseline._corpus(metric)
    if ours is None or others is None:
        return _paired_difference(a, b, scene_ids)
    sums = [[statistics[i] for i in rows] for statistics in (ours[0], others[0])]
    return paired_difference_of_sums((a, sums[0]), (b, sums[1]), ours[1], scene_ids)


def require_one_protocol(results: Iterable[BenchmarkResult]) -> None:
    """Refuse to put results side by side that were scored by different rules.

    Raises:
        DataError: Two results of one benchmark differ in protocol, its version, or tokeniser.
    """
    seen: dict[str, tuple[str, int, str]] = {}
    for result in results:
        rules = result.protocol, result.protocol_version, result.tokenizer
        first = seen.setdefault(result.benchmark, rules)
        if first != rules:
            raise DataError(
                f"{result.benchmark}: wanted results of one protocol, found {_described(first)} "
                f"and {_described(rules)}; score all runs by the same one"
            )


def _described(rules: tuple[str, int, str]) -> str:
    name, version, tokenizer = rules
    return f"{name!r} version {version}" + (f" ({tokenizer} tokens)" if tokenizer else "")


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
        statistics = values["statistics"].items()
        values["statistics"] = {key: tuple(map(tuple, rows)) for key, rows in statistics}
        return BenchmarkResult(**values)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is no result of a benchmark ({error}); score again") from error
