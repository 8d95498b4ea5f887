"""What a probe is, and what it is given: one benchmark of a finished run."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from posealign_core.evaluation.draws import paired_difference
from posealign_core.evaluation.probes.change import Change
from posealign_core.evaluation.probes.changed_pipeline import ChangedPipeline
from posealign_core.evaluation.probes.result import ProbeRow
from posealign_core.evaluation.probes.same_answer import same_answer
from posealign_core.evaluation.score import score_predictions
from posealign_core.evaluation.statistics import estimate
from posealign_core.evaluation.subsets import direction_subsets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from posealign_core.evaluation.metrics.texts import TextTools
    from posealign_core.evaluation.probes.result import Unit
    from posealign_core.evaluation.result import BenchmarkResult
    from posealign_core.pipeline import QueryPipeline
    from posealign_core.recover import PoseNoise, Selector
    from posealign_core.structures import AlignSettings, Prediction, Query

__all__ = ["Answers", "PoseProbe", "Probe", "Subject", "main_metric"]

SUBSETS = ("all", "direction_critical", "other")
_MAIN = ("accuracy", "em", "acc@0.5", "f1@0.5", "mask_acc@0.5", "cider@0.5")
_NO_CHANGE = Change()


def main_metric(result: BenchmarkResult) -> str:
    """The metric that probes show of a benchmark."""
    return next((name for name in _MAIN if name in result.scores), next(iter(result.scores), ""))


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """Answers to some questions, with their scores.

    Attributes:
        predictions: By query id, as they read in the unchanged world.
        result: Their scores, in the world that was asked about.
    """

    predictions: Mapping[str, Prediction]
    result: BenchmarkResult


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """One benchmark of a finished run.

    Attributes:
        benchmark: Its name.
        queries: The questions that are probed.
        answers: What the run answered to them, by query id.
        pipeline: The run's own.
        predict: Asks the run's model: name of the variant, its pipeline, the questions.
        protocol: Rules of scoring.
        tools: What may be run to score texts.
        class_of: NYU40 class of a raw label, for ScanRefer.
    """

    benchmark: str
    queries: Sequence[Query]
    answers: Mapping[str, Prediction]
    pipeline: QueryPipeline
    predict: Callable[[str, QueryPipeline, Sequence[Query]], list[Prediction]]
    protocol: str
    tools: TextTools
    class_of: Mapping[str, str] | None = None

    @property
    def uses_poses(self) -> bool:
        """Whether the run's model sees poses."""
        return bool(self.pipeline.settings.modes)

    def own(self, queries: Sequence[Query] | None = None) -> Answers:
        """The run's answers, scored on just these questions; on all where None."""
        chosen = self.queries if queries is None else queries
        answers = [self.answers[q.query_id] for q in chosen if q.query_id in self.answers]
        return self.scored(answers, ChangedPipeline(self.pipeline), chosen)

    def ask(
        self,
        variant: str,
        change: Change = _NO_CHANGE,
        *,
        queries: Sequence[Query] | None = None,
        selector: Selector | None = None,
        settings: AlignSettings | None = None,
        noise: PoseNoise | None = None,
    ) -> Answers:
        """Ask the run's model otherwise.

        Args:
            variant: Name of the variant, distinct within the probe; a part of a file name.
            change: What is changed of scene, pose and question.
            queries: The questions; all where None.
            selector: Another rule that chooses poses.
            settings: Other alignment modes.
            noise: Other noise on poses.
        """
        chosen = self.queries if queries is None else queries
        pipeline = ChangedPipeline(
            self.pipeline, change, selector=selector, settings=settings, noise=noise
        )
        return self.scored(self.predict(variant, pipeline, chosen), pipeline, chosen)

    def scored(
        self, answers: Sequence[Prediction], pipeline: ChangedPipeline, queries: Sequence[Query]
    ) -> Answers:
        """Score answers to questions that a pipeline changed, in the world that it changed."""
        result = score_predictions(
            [pipeline.query(query) for query in queries],
            answers,
            pipeline.scene,
            protocol=self.protocol,
            tools=self.tools,
            class_of=self.class_of,
        )
        restored = {answer.query_id: pipeline.restored(answer) for answer in answers}
        return Answers(predictions=restored, result=result)

    def sameness(self, found: Answers) -> dict[str, float]:
        """By query id, 1 where an answer means the same as the run's own, else 0."""
        return {
            key: float(same_answer(answer, self.answers[key]))
            for key, answer in found.predictions.items()
            if key in self.answers
        }

    def score_rows(
        self,
        label: str,
        found: Answers,
        own: Answers | None,
        *,
        x: float | None = None,
        subsets: Sequence[str] = SUBSETS,
    ) -> list[ProbeRow]:
        """The main metric on each subset, and its difference to other answers, if there are any."""
        metric = main_metric(found.result)
        return [
            ProbeRow(
                benchmark=self.benchmark,
                label=label,
                measure=metric,
                estimate=found.result.estimate(metric, subset),
                subset=subset,
                difference=None
                if own is None
                else paired_difference(found.result, own.result, metric, subset),
                x=x,
            )
            for subset in subsets
            if subset in found.result.subsets
        ]

    def value_rows(
        self,
        label: str,
        measure: str,
        values: Mapping[str, float],
        *,
        unit: Unit = "share",
        x: float | None = None,
        expected: Mapping[str, float] | None = None,
    ) -> list[ProbeRow]:
        """The mean over questions on each subset that has one.

        Args:
            label: How they were asked.
            measure: What is averaged.
            values: By query id.
            unit: How it reads.
            x: Place on the probe's axis.
            expected: By subset, what a sound model has.
        """
        rows = []
        scene_of = {query.query_id: query.scene_id for query in self.queries}
        for subset, members in direction_subsets(self.queries).items():
            keys = [key for key in members if key in values]
            if keys:
                rows.append(
                    ProbeRow(
                        benchmark=self.benchmark,
                        label=label,
                        measure=measure,
                        estimate=estimate([values[k] for k in keys], [scene_of[k] for k in keys]),
                        unit=unit,
                        subset=subset,
                        expected=(expected or {}).get(subset),
                        x=x,
                    )
                )
        return rows


class Probe(abc.ABC):
    """Asks a run's model otherwise, or looks at its poses, and says what that shows.

    Attributes:
        title: A heading.
        shows: What it shows, in a sentence.
        baseline: What `ProbeRow.difference` is to.
        axis: What `ProbeRow.x` is, with its unit; `""` where the probe is no curve.
    """

    title: ClassVar[str]
    shows: ClassVar[str]
    baseline: ClassVar[str] = "the run"
    axis: ClassVar[str] = ""

    def reason_to_skip(self, subject: Subject) -> str:
        """Why the probe says nothing about this benchmark of this run; `""` where it does."""
        del subject
        return ""

    @abc.abstractmethod
    def rows(self, subject: Subject) -> list[ProbeRow]:
        """Probe one benchmark."""

    def tables(self, subject: Subject) -> dict[str, list[dict[str, Any]]]:
        """What lies behind the figures of `rows`, by name: lines that become a CSV file each."""
        del subject
        return {}


class PoseProbe(Probe):
    """A probe of what the model makes of its pose."""

    def reason_to_skip(self, subject: Subject) -> str:
        """See the base class."""
        return "" if subject.uses_poses else "the run's model sees no pose"
