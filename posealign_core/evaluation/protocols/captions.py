"""Captions of objects: Scan2Cap (benchmarks spec 3.4, 4.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from posealign_core.evaluation.metrics.boxes import THRESHOLDS, generalized_iou
from posealign_core.evaluation.metrics.texts import TextScores, text_scores
from posealign_core.evaluation.protocols.grounding import boxes_of, predicted_boxes
from posealign_core.evaluation.protocols.protocol import Item, Material, Protocol, Scores
from posealign_core.geometry import aabb_from_corners, aabb_iou, move_corners

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from posealign_core.structures import Prediction, Query, Scene

__all__ = ["CAPTION_PROTOCOLS", "SCAN2CAP_PROTOCOLS", "caption_overlap"]

_BEGIN, _END = "sos", "eos"
_NOTHING = f"{_BEGIN} {_END}"
_TOKEN = re.compile(r"\w+|[^\w\s]")


def caption_overlap(scene: Scene, query: Query, answer: Prediction) -> float:
    """Overlap of what was described with what was to be described.

    The answer's own box or mask was described; where it has none, the region that the query gave,
    and an object that the query itself named overlaps wholly.
    """
    if len(answer.corners) or answer.masks:
        boxes = predicted_boxes(scene, answer)[:1]
        return float(aabb_iou(boxes, boxes_of(scene, query.target_ids[:1])).sum())
    region = query.region
    if region is None or region.corners is None:
        return 1.0
    box = aabb_from_corners(move_corners(scene.aligned_from_world, region.corners))
    return float(aabb_iou(box, boxes_of(scene, query.target_ids[:1]))[0, 0])


def _wrapped(text: str) -> str:
    return f"{_BEGIN} {text} {_END}"


def _as_tokens(text: str, most: int | None) -> str:
    """Words and punctuation marks between blanks, as ScanRefer's own tokens are."""
    return " ".join(_TOKEN.findall(text.lower())[:most])


def _spaced(text: str) -> str:
    """Words in lower case; of all punctuation only full stops and commas stand alone."""
    return " ".join(re.sub(r"([.,])", r" \1 ", text.lower()).split())


@dataclass(frozen=True, kw_only=True)
class CaptionRules:
    """Captions of given or detected objects, one per object of the corpus: `metric@threshold`.

    Attributes:
        reached: Whether an overlap is enough.
        reference: Applied to each reference before it is wrapped in `sos` and `eos`.
        caption: Likewise to each caption.
        unanswered: To the references of objects without a caption; None does as for the others.
        tokenized: Whether texts are split at blanks as they are.
        mean_bleu: Whether BLEU is averaged over items, not taken of the corpus.
        hits: Whether metrics over the found objects alone, and metrics that give a miss 0, join.
    """

    reached: Callable[[Any, float], Any]
    reference: Callable[[str], str] = str
    caption: Callable[[str], str] = str
    unanswered: Callable[[str], str] | None = None
    tokenized: bool = False
    mean_bleu: bool = False
    hits: bool = False

    def __call__(self, items: Sequence[Item], material: Material) -> Scores:
        """Score captions; one of an object that was not found reads `sos eos`."""
        given = [_NOTHING if a is None else _wrapped(self.caption(a.text)) for _, a in items]
        n = len(items)
        references = [self._references(query, answer) for query, answer in items]
        both = text_scores(
            [*given, *[_NOTHING] * n], references, material.tools, tokenized=self.tokenized
        )
        overlap = np.array([_overlap(material, q, a) for q, a in items])
        scores: dict[str, list[float | None]] = {}
        statistics: dict[str, list[list[float]]] = {}
        for threshold in THRESHOLDS:
            found = self.reached(overlap, threshold)
            rows = np.where(found, np.arange(n), np.arange(n, 2 * n))
            for metric, values in both.scores.items():
                scores[f"{metric}@{threshold:g}"] = values[rows].tolist()
            for family, numbers in both.statistics.items():
                if not (self.mean_bleu and family == "bleu"):
                    statistics[f"{family}@{threshold:g}"] = numbers[rows].tolist()
            if self.hits:
                scores |= _hit_scores(both, found, threshold)
        return Scores(
            scores=scores, statistics=statistics, tokenizer=both.tokenizer, remarks=both.remarks
        )

    def _references(self, query: Query, answer: Prediction | None) -> list[str]:
        form = self.reference
        if answer is None and self.unanswered is not None:
            form = self.unanswered
        return [_wrapped(form(reference)) for reference in query.references]


def _overlap(material: Material, query: Query, answer: Prediction | None) -> float:
    return 0.0 if answer is None else caption_overlap(material.scene(query.scene_id), query, answer)


def _hit_scores(
    texts: TextScores, found: NDArray[np.bool_], threshold: float
) -> dict[str, list[float | None]]:
    scores: dict[str, list[float | None]] = {f"hit@{threshold:g}": found.astype(float).tolist()}
    for metric in [m for m in ("cider", "rouge_l", "meteor") if m in texts.scores]:
        values = texts.scores[metric][: len(found)]
        hits = zip(values.tolist(), found.tolist(), strict=True)
        scores[f"{metric}_hit@{threshold:g}"] = [v if hit else None for v, hit in hits]
        if metric != "cider":  # which gives a miss 0 anyway
            scores[f"{metric}_zero@{threshold:g}"] = np.where(found, values, 0.0).tolist()
    return scores


def _score_detected(items: Sequence[Item], material: Material) -> Scores:
    """Assign each scan's boxes to its objects: precision, recall and F1 of the captions' scores."""
    texts, overlap, n_predicted = _assign(items, material)
    references = [[_wrapped(_as_tokens(r, None)) for r in q.references] for q, _ in items]
    found = text_scores(texts, references, material.tools)
    scores: dict[str, list[float | None]] = {}
    statistics: dict[str, list[list[float]]] = {}
    for metric in [m for m in ("bleu_4", "rouge_l", "cider", "meteor") if m in found.scores]:
        for threshold in (0.0, *THRESHOLDS):
            gained = np.where(overlap >= threshold, found.scores[metric], 0.0)
            rows = np.stack([gained, n_predicted, np.ones(len(items))], axis=1)
            statistics[f"{metric}_found@{threshold:g}"] = rows.tolist()
            for kind in ("precision", "recall", "f1"):
                scores[f"{metric}_{kind}@{threshold:g}"] = gained.tolist()
    return Scores(
        scores=scores, statistics=statistics, tokenizer=found.tokenizer, remarks=found.remarks
    )


def _assign(
    items: Sequence[Item], material: Material
) -> tuple[list[str], NDArray[np.float64], NDArray[np.float64]]:
    """For each object: the caption that is assigned to it, with what overlap; n of predictions.

    A scan's number of predictions stands with its first object.
    """
    texts, overlap = [_NOTHING] * len(items), np.full(len(items), -1.0)
    n_predicted = np.zeros(len(items))
    by_scene: dict[str, list[int]] = {}
    for i, (query, _) in enumerate(items):
        by_scene.setdefault(query.scene_id, []).append(i)
    for scene_id, rows in by_scene.items():
        scene = material.scene(scene_id)
        answers = [answer for i in rows if (answer := items[i][1]) is not None]
        boxes = np.concatenate([np.zeros((0, 6)), *(_described(scene, a) for a in answers)])
        targets = boxes_of(scene, [items[i][0].target_ids[0] for i in rows])
        iou = aabb_iou(boxes, targets)
        n_predicted[rows[0]] = len(answers)
        pairs = linear_sum_assignment(generalized_iou(boxes, targets), maximize=True)
        for box, target in zip(*pairs, strict=True):
            texts[rows[target]] = _wrapped(answers[box].text)
            overlap[rows[target]] = iou[box, target]
    return texts, overlap, n_predicted


def _described(scene: Scene, answer: Prediction) -> NDArray[np.float64]:
    """(1, 6) the box that a caption describes, without volume where it has none."""
    return np.concatenate([predicted_boxes(scene, answer), np.zeros((1, 6))])[:1]


def _no_scores(items: Sequence[Item], material: Material) -> Scores:
    del items, material
    return Scores(scores={})


def _found_by_overlap(name: str) -> Protocol:
    return Protocol(
        name=name,
        summary="captions of objects found with an overlap of at least the threshold",
        score=CaptionRules(reached=np.greater_equal),
        lenient=True,
    )


CAPTION_PROTOCOLS = (
    Protocol(
        name="strict", summary="captions of other benchmarks have no metric", score=_no_scores
    ),
)

SCAN2CAP_PROTOCOLS = (
    Protocol(
        name="strict",
        summary="as 3d-llava, with the share of objects found and metrics that give a miss 0",
        score=CaptionRules(reached=np.greater_equal, hits=True),
    ),
    Protocol(
        name="official",
        summary="captions assigned by their boxes: precision, recall and F1",
        score=_score_detected,
        lenient=True,
    ),
    _found_by_overlap("3d-llava"),
    _found_by_overlap("chat-scene"),
    Protocol(
        name="ll3da",
        summary="overlap above the threshold, references cut at 30 tokens, BLEU averaged",
        score=CaptionRules(
            reached=np.greater,
            reference=lambda text: _as_tokens(text, 30),
            tokenized=True,
            mean_bleu=True,
        ),
        lenient=True,
    ),
    Protocol(
        name="video3dllm",
        summary="as 3d-llava, with full stops and commas as words; references without a caption "
        "stay as they are",
        score=CaptionRules(
            reached=np.greater_equal,
            reference=_spaced,
            caption=_spaced,
            unanswered=str,
            tokenized=True,
        ),
        lenient=True,
    ),
)
