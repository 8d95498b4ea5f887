"""Subjects whose models are rules: one that goes by its pose alone, one that never looks at it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from learning_toy import TRANSFORM, ToyDataset, toy_queries, write_tables

from posealign_core.align import answer_to_prediction
from posealign_core.backbone import RawAnswer
from posealign_core.evaluation.metrics.texts import TextTools
from posealign_core.evaluation.probes import Subject
from posealign_core.host import build_host
from posealign_core.pipeline import QueryPipeline
from posealign_core.recover import Annotated, Selector
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from posealign_core.structures import AlignedSample, AlignSettings, Prediction, Query

    Answerer = Callable[[AlignedSample], RawAnswer]

LATERAL = [q for q in toy_queries() if not q.text.startswith("is")]


def geometric(sample: AlignedSample) -> RawAnswer:
    """The side of the chair in the input frame, where +y is left; grounding by the side word."""
    objects = sample.scene.objects
    assert objects is not None
    if sample.query.kind is TaskKind.SELECT:
        wanted = 1 if "left" in sample.query.text else -1
        row = int(np.argmax(wanted * objects.centers[:, 1]))
        return RawAnswer(text="", object_ids=(int(objects.object_ids[row]),))
    row = objects.index_of(3)
    assert row is not None
    return RawAnswer(text="left" if objects.centers[row, 1] > 0 else "right")


def blind(sample: AlignedSample) -> RawAnswer:
    """Always the same."""
    if sample.query.kind is TaskKind.SELECT:
        return RawAnswer(text="", object_ids=(3,))
    return RawAnswer(text="left")


def selections(queries: Sequence[Query] = LATERAL) -> list[Query]:
    """Which of the two is on the asker's left, or right: the chair where the answer says so."""
    return [
        replace(
            query,
            kind=TaskKind.SELECT,
            text=f"the thing on my {query.references[0]}",
            references=(),
            candidates=(3, 7),
        )
        for query in queries
    ]


def subject(
    folder: Path,
    answerer: Answerer,
    queries: Sequence[Query] = LATERAL,
    settings: AlignSettings = TRANSFORM,
    selector: Selector | None = None,
) -> Subject:
    """A subject that has answered, from the askers' own poses unless another selector is given."""
    base = QueryPipeline(
        build_host(entry_points=False),
        ToyDataset(folder),
        queries,
        write_tables(folder / "tables"),
        selector or Annotated(),
        settings,
        backbone="toy",
        seed=0,
    )

    def predict(variant: str, pipeline: QueryPipeline, asked: Sequence[Query]) -> list[Prediction]:
        del variant
        samples = [pipeline.sample(query, 0) for query in asked]
        return [answer_to_prediction(answerer(sample), sample) for sample in samples]

    own = predict("own", base, queries)
    return Subject(
        benchmark="toy",
        queries=queries,
        answers={answer.query_id: answer for answer in own},
        pipeline=base,
        predict=predict,
        protocol="strict",
        tools=TextTools(),
    )


__all__ = ["LATERAL", "blind", "geometric", "selections", "subject"]
