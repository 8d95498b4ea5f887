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
    estimate,
    estimate_of_sums,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "BenchmarkResult",
    "load_result",
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
        rows = self.rows(metric, subset)
        scene_ids = [self.scene_ids[i] for i in rows]
        corpus = self.corpus(metric)
        if corpus is None:
            return estimate(self._values(metric, rows), scene_ids)
        statistics, value = corpus
        return estimate_of_sums([statistics[i] for i in rows], value, scene_ids)

    def rows(self, metric: str, subset: str) -> list[int]:
        """Places of the subset's questions that count for the metric.

        Raises:
            DataError: There is no such metric or subset.
        """
        if metric not in self.scores or subset not in self.subsets:
            raise DataError(
                f"{self.benchmark}: wanted {metric!r} on {subset!r}, found the metrics "
                f"{', '.join(self.scores)} and the subsets {', '.join(self.subsets)}"
            )
        members, scores = set(self.subsets[subset]), self.scores[metric]
        return [i for i, key in enumerate(self.keys) if key in members and scores[i] is not None]

    def _values(self, metric: str, rows: Sequence[int]) -> NDArray[np.float64]:
        return np.array([self.scores[metric][i] for i in rows], dtype=np.float64)

    def corpus(self, metric: str) -> tuple[Sequence[Sequence[float]], Callable[[Any], Any]] | None:
        """Statistics that a corpus metric adds up, and the metric of the sums; None for means."""
        name, _, threshold = metric.partition("@")
        family = f"{family_of(name)}@{threshold}" if threshold else family_of(name)
        if family not in self.statistics:
            return None
        return self.statistics[family], partial(corpus_value, name)


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
