"""Requests from a benchmark's queries and a backbone's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.errors import DataError
from posealign_core.judge.request import JudgeRequest
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from posealign_core.structures import Query

__all__ = ["answers_by_key", "make_requests"]

_JUDGED = (TaskKind.ANSWER, TaskKind.CAPTION)


def make_requests(
    queries: Sequence[Query], answers: Mapping[str, str] | None
) -> list[JudgeRequest]:
    """One request per query, answered or not, in the order of the queries.

    Args:
        queries: All queries of a split; the denominator of every accuracy.
        answers: Text by query id; None where nothing is to be graded, for labelling, which queries
            of every kind can be.

    Raises:
        DataError: An answer is to an unknown query, or the queries are not answered in words.
    """
    wrong = next((query for query in queries if query.kind not in _JUDGED), None)
    if answers is not None and wrong is not None:
        raise DataError(
            f"benchmark {wrong.benchmark!r}: wanted answers or captions to judge, found queries of "
            f"kind {wrong.kind.value!r}"
        )
    unknown = sorted((answers or {}).keys() - {query.query_id for query in queries})
    if unknown:
        raise DataError(
            f"{len(unknown)} answers are to unknown queries, for example {unknown[0]!r}; are they "
            "of this benchmark and split?"
        )
    return [_request(query, (answers or {}).get(query.query_id)) for query in queries]


def _request(query: Query, prediction: str | None) -> JudgeRequest:
    """A caption has references alone; of an object to be found the text is the description."""
    asks = query.kind is TaskKind.ANSWER
    finds = query.kind not in _JUDGED
    return JudgeRequest(
        benchmark=query.benchmark,
        split=query.split,
        key=query.query_id,
        scene_id=query.scene_id,
        question=query.text if asks else None,
        situation=query.situation,
        references=(query.text,) if finds else query.references,
        prediction=prediction,
    )


def answers_by_key(records: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """Text by query id from the lines of a prediction file.

    Raises:
        DataError: A query is answered twice, or an answer is no text.
    """
    answers: dict[str, str] = {}
    for record in records:
        key, text = str(record.get("key")), record.get("text")
        if not isinstance(text, str):
            raise DataError(f"prediction {key!r}: wanted text, found {type(text).__name__}")
        if key in answers:
            raise DataError(f"prediction {key!r}: is there twice")
        answers[key] = text
    return answers
