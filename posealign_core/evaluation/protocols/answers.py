"""Short answers: ScanQA and SQA3D (benchmarks spec 3.1, 3.2, 4.4, 4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_core.evaluation.metrics.answers import match_scores, normalize_answer
from posealign_core.evaluation.metrics.texts import text_scores
from posealign_core.evaluation.protocols.protocol import Item, Material, Protocol, Scores

if TYPE_CHECKING:
    from posealign_core.structures import Prediction, Query

__all__ = ["ANSWER_PROTOCOLS", "SCANQA_PROTOCOLS", "SQA3D_PROTOCOLS"]

Match = Callable[[str, Sequence[str]], Mapping[str, float]]
Clean = Callable[[str], str]


@dataclass(frozen=True, kw_only=True)
class AnswerRules:
    """How answers are compared.

    Attributes:
        clean: Applied to the answer.
        clean_reference: Applied to each accepted answer.
        match: Scores by comparison; None for none.
        texts: Whether n-gram metrics are computed.
        tokenized: Whether texts are split at blanks as they are, and BLEU is averaged over items.
        first_only: Whether only the first accepted answer counts.
        n_best: `em_<n>` says whether one of the n best answers is accepted, where the model ranked
            several; 0 for none.
    """

    clean: Clean
    clean_reference: Clean
    match: Match | None = match_scores
    texts: bool = False
    tokenized: bool = False
    first_only: bool = False
    n_best: int = 0

    def __call__(self, items: Sequence[Item], material: Material) -> Scores:
        """Score answers; a missing one is wrong, and an empty text for the n-gram metrics."""
        answers = [None if answer is None else self.clean(answer.text) for _, answer in items]
        accepted = [self._accepted(query) for query, _ in items]
        scores: dict[str, Sequence[float | None]] = {}
        if self.match is not None:
            rows = [_compare(self.match, a, r) for a, r in zip(answers, accepted, strict=True)]
            metrics = rows[0] if rows else ()
            scores = {metric: [row[metric] for row in rows] for metric in metrics}
        if self.n_best and any(answer is not None and answer.alternatives for _, answer in items):
            best = zip(items, accepted, strict=True)
            scores[f"em_{self.n_best}"] = [self._one_of_best(a, r) for (_, a), r in best]
        if not self.texts:
            return Scores(scores=scores)
        texts = [answer or "" for answer in answers]
        found = text_scores(texts, accepted, material.tools, tokenized=self.tokenized)
        averaged = {"bleu"} if self.tokenized else set()
        return Scores(
            scores=scores | {metric: v.tolist() for metric, v in found.scores.items()},
            statistics={f: v.tolist() for f, v in found.statistics.items() if f not in averaged},
            tokenizer=found.tokenizer,
            remarks=found.remarks,
        )

    def _one_of_best(self, answer: Prediction | None, accepted: Sequence[str]) -> float:
        given = () if answer is None else (answer.text, *answer.alternatives)[: self.n_best]
        return float(any(self.clean(text) in accepted for text in given))

    def _accepted(self, query: Query) -> list[str]:
        references = query.references[:1] if self.first_only else query.references
        return [self.clean_reference(reference) for reference in references]


def _compare(match: Match, answer: str | None, accepted: Sequence[str]) -> Mapping[str, float]:
    if answer is None:
        return dict.fromkeys(match("", ()), 0.0)
    return match(answer, accepted)


def _as_is(text: str) -> str:
    return text


def _without_repeated_blanks(text: str) -> str:
    return re.sub(" {2,}", " ", text)


def _without_full_stop(text: str) -> str:
    return text.removesuffix(".")


def _chat_scene_answer(text: str) -> str:
    text = _without_full_stop(text)
    return normalize_answer(text[:1].lower() + text[1:])


def _exact(answer: str, accepted: Sequence[str]) -> Mapping[str, float]:
    return {"em": float(answer in accepted)}


def _published(answer: str, accepted: Sequence[str]) -> Mapping[str, float]:
    scores = match_scores(answer, accepted)
    return {"em": scores["em"], "em_r": scores["em_r"]}


def _published_unless_empty(answer: str, accepted: Sequence[str]) -> Mapping[str, float]:
    return _published(answer, accepted if answer else ())


def _sqa3d_script(answer: str, accepted: Sequence[str]) -> Mapping[str, float]:
    """The authors' rule for free text: equal, part of the answer, or any word in common."""
    bare = "".join(answer.split())
    loose = any(
        answer in reference
        or bare in "".join(reference.split())
        or not set(answer.split()).isdisjoint(reference.split())
        for reference in accepted
    )
    return {"em": float(answer in accepted), "em_loose": float(loose)}


_BOTH_CLEAN = AnswerRules(clean=normalize_answer, clean_reference=normalize_answer)
_STRICT = "missing answers are wrong, EM-R with and without its guard"

ANSWER_PROTOCOLS = (Protocol(name="strict", summary=_STRICT, score=_BOTH_CLEAN),)
"""For answers to any other benchmark."""

SCANQA_PROTOCOLS = (
    Protocol(
        name="strict",
        summary=f"{_STRICT}, n-gram metrics of normalised texts",
        score=AnswerRules(clean=normalize_answer, clean_reference=normalize_answer, texts=True),
    ),
    Protocol(
        name="official",
        summary="raw exact match, of the ten best answers too, n-gram metrics of raw texts",
        score=AnswerRules(
            clean=_as_is, clean_reference=_as_is, match=_exact, texts=True, n_best=10
        ),
        missing="refused",
        lenient=True,
    ),
    Protocol(
        name="3d-llava",
        summary="both sides normalised, an empty answer passes EM-R",
        score=AnswerRules(
            clean=normalize_answer,
            clean_reference=normalize_answer,
            match=_published,
            texts=True,
        ),
        missing="refused",
    ),
    Protocol(
        name="chat-scene",
        summary="answers normalised, references raw, missing answers dropped",
        score=AnswerRules(
            clean=_chat_scene_answer,
            clean_reference=_as_is,
            match=_published_unless_empty,
            texts=True,
        ),
        missing="dropped",
        lenient=True,
    ),
    Protocol(
        name="ll3da",
        summary="raw texts split at blanks, BLEU averaged over items, missing answers dropped",
        score=AnswerRules(
            clean=_without_repeated_blanks,
            clean_reference=_as_is,
            match=None,
            texts=True,
            tokenized=True,
        ),
        missing="dropped",
        lenient=True,
    ),
    Protocol(
        name="video3dllm",
        summary="raw exact match of the answer without its full stop, and nothing else",
        score=AnswerRules(clean=_without_full_stop, clean_reference=_as_is, match=_exact),
    ),
)

SQA3D_PROTOCOLS = (
    *ANSWER_PROTOCOLS,
    Protocol(
        name="official",
        summary="answers normalised, references raw, with the authors' loose match",
        score=AnswerRules(clean=normalize_answer, clean_reference=_as_is, match=_sqa3d_script),
    ),
    Protocol(
        name="3d-llava",
        summary="both sides normalised, the first reference only, an empty answer passes EM-R",
        score=AnswerRules(
            clean=normalize_answer,
            clean_reference=normalize_answer,
            match=_published,
            first_only=True,
        ),
        missing="refused",
    ),
    Protocol(
        name="chat-scene",
        summary="both sides normalised, n-gram metrics, missing answers dropped",
        score=AnswerRules(
            clean=_chat_scene_answer,
            clean_reference=normalize_answer,
            match=_published_unless_empty,
            texts=True,
        ),
        missing="dropped",
        lenient=True,
    ),
    Protocol(
        name="video3dllm",
        summary="exact match of both sides normalised, and nothing else",
        score=AnswerRules(clean=normalize_answer, clean_reference=normalize_answer, match=_exact),
    ),
)
