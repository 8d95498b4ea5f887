"""What a protocol is: what becomes of missing and double answers, and how the rest is scored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from posealign_core.errors import DataError
from posealign_core.evaluation.metrics.texts import TextTools, Tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from posealign_core.structures import Prediction, Query, Scene

__all__ = ["Item", "JoinedAnswers", "Material", "Protocol", "Scores"]

Item = tuple["Query", "Prediction | None"]
"""A query with its answer, None where it has none."""


@dataclass(frozen=True, kw_only=True)
class Material:
    """What scoring may look at beside queries and answers.

    Attributes:
        scene: Gives a scan by its id, in WORLD.
        tools: What may be run to score texts.
        class_of: NYU40 class of a raw ScanNet label, where known.
    """

    scene: Callable[[str], Scene]
    tools: TextTools = field(default_factory=TextTools)
    class_of: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of n items.

    Attributes:
        scores: By metric, one score per item, None where the item does not count for it.
        statistics: By family of corpus metrics, what each item adds to the corpus.
        tokenizer: How texts became tokens.
        remarks: What a reader must know, by subject.
    """

    scores: Mapping[str, Sequence[float | None]]
    statistics: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    tokenizer: Tokenizer = ""
    remarks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class JoinedAnswers:
    """Queries with their answers, by key.

    Attributes:
        items: All queries, in order.
        n_duplicate: Answers beyond the first to a query.
        n_unknown: Answers to no query.
    """

    items: tuple[Item, ...]
    n_duplicate: int
    n_unknown: int


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """Rules of scoring of one benchmark (benchmarks spec 1 and 5).

    Attributes:
        name: `strict`, `official`, `3d-llava`, `chat-scene`, `ll3da` or `video3dllm`.
        summary: One line about what is special.
        score: Scores items.
        missing: A query without answer is `wrong`, `dropped` from every average, or `refused`.
        lenient: Of two answers to a query the last counts, and answers to unknown queries are
            passed over; else both are errors.
        version: Rises when the same predictions would score differently.
    """

    name: str
    summary: str
    score: Callable[[Sequence[Item], Material], Scores]
    missing: Literal["wrong", "dropped", "refused"] = "wrong"
    lenient: bool = False
    version: int = 1

    def join(self, queries: Sequence[Query], predictions: Sequence[Prediction]) -> JoinedAnswers:
        """Give each query its answer.

        Raises:
            DataError: The protocol refuses what was found.
        """
        answers: dict[str, Prediction] = {}
        n_duplicate = n_unknown = 0
        known = {query.query_id for query in queries}
        for prediction in predictions:
            key = prediction.query_id
            n_duplicate += key in answers
            n_unknown += key not in known
            self._require(key, queries, twice=key in answers, known=key in known)
            answers[key] = prediction
        items = tuple((query, answers.get(query.query_id)) for query in queries)
        lacking = [query.query_id for query, answer in items if answer is None]
        if lacking and self.missing == "refused":
            raise DataError(
                f"score: protocol {self.name!r} wants an answer to every query, found none to "
                f"{len(lacking)}, first {lacking[0]!r}; predict them, or score with 'strict'"
            )
        return JoinedAnswers(items=items, n_duplicate=n_duplicate, n_unknown=n_unknown)

    def _require(self, key: str, queries: Sequence[Query], *, twice: bool, known: bool) -> None:
        if twice and not self.lenient:
            raise DataError(f"score: query {key!r} is answered twice; remove one of the answers")
        if not known and not self.lenient:
            raise DataError(
                f"score: there is an answer to {key!r}, which is no query of "
                f"{queries[0].benchmark!r}; were the predictions made for another split?"
            )

    def apply(self, items: Sequence[Item], material: Material) -> Scores:
        """Score all items; those that the protocol drops have None throughout."""
        if self.missing != "dropped":
            return self.score(items, material)
        kept = [i for i, (_, answer) in enumerate(items) if answer is not None]
        found = self.score([items[i] for i in kept], material)
        place = {item: row for row, item in enumerate(kept)}
        rows = [place.get(i) for i in range(len(items))]
        return Scores(
            scores={
                metric: [None if row is None else values[row] for row in rows]
                for metric, values in found.scores.items()
            },
            statistics={
                family: [() if row is None else values[row] for row in rows]
                for family, values in found.statistics.items()
            },
            tokenizer=found.tokenizer,
            remarks=found.remarks,
        )
