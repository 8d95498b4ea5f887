"""Predictions against what a benchmark expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import DataError
from posealign_core.evaluation.metrics import (
    accuracy_scores,
    answer_scores,
    f1_scores,
    selection_scores,
)
from posealign_core.evaluation.result import BenchmarkResult
from posealign_core.geometry import aabb_from_corners, move_corners
from posealign_core.pipeline import count_fallbacks, count_poses
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from posealign_core.structures import Prediction, Query, Scene

__all__ = ["direction_subsets", "score_predictions"]


def score_predictions(
    queries: Sequence[Query],
    predictions: Iterable[Prediction],
    scene: Callable[[str], Scene],
) -> BenchmarkResult:
    """Score all queries of one benchmark; what was not answered is wrong.

    Metrics by kind of query: `answer` has `em`, `em_r` and `em_r_guarded`; `select` has `accuracy`;
    `ground` has `f1@0.25` and `f1@0.5`, and where every query has exactly one target also `iou`,
    `acc@0.25` and `acc@0.5`; `caption` has none here.

    Args:
        queries: Queries of one benchmark, split and kind.
        predictions: Answers to some or all of them.
        scene: Gives a scan by its id, in WORLD; asked only for grounding.

    Raises:
        DataError: A query is answered twice, an answer fits no query, there is no query, queries
            are of several benchmarks, or a scan lacks the boxes that grounding needs.
    """
    first = _only_benchmark(queries)
    answers = _by_query(queries, predictions)
    score = _scorer(queries, scene)
    rows = [score(query, answers.get(query.query_id)) for query in queries]
    poses = [answer.pose for answer in answers.values()]
    return BenchmarkResult(
        benchmark=first.benchmark,
        split=first.split,
        keys=tuple(query.query_id for query in queries),
        scene_ids=tuple(query.scene_id for query in queries),
        scores={metric: tuple(row[metric] for row in rows) for metric in rows[0]},
        subsets=direction_subsets(queries),
        n_predicted=len(answers),
        pose_counts=count_poses(poses),
        fallback_reasons=count_fallbacks(poses),
    )


def direction_subsets(queries: Sequence[Query]) -> dict[str, tuple[str, ...]]:
    """Query ids by what they need: `all`, and `direction_critical` and `other` where it is known.

    A benchmark's reader says so in `Query.extra["direction_critical"]`.
    """
    flags = {query.query_id: query.extra.get("direction_critical") for query in queries}
    subsets = {
        "all": tuple(flags),
        "direction_critical": tuple(key for key, flag in flags.items() if flag == "true"),
        "other": tuple(key for key, flag in flags.items() if flag == "false"),
    }
    return {name: keys for name, keys in subsets.items() if keys}


def _only_benchmark(queries: Sequence[Query]) -> Query:
    found = {(query.benchmark, query.split, query.kind.value) for query in queries}
    if len(found) != 1:
        raise DataError(
            "score: wanted queries of one benchmark, split and kind, found "
            f"{sorted(found) or 'none'}"
        )
    return queries[0]


def _by_query(queries: Sequence[Query], predictions: Iterable[Prediction]) -> dict[str, Prediction]:
    known = {query.query_id for query in queries}
    answers: dict[str, Prediction] = {}
    for prediction in predictions:
        key = prediction.query_id
        if key in answers:
            raise DataError(f"score: query {key!r} is answered twice; remove one of the answers")
        if key not in known:
            raise DataError(
                f"score: there is an answer to {key!r}, which is no query of "
                f"{queries[0].benchmark!r}; were the predictions made for another split?"
            )
        answers[key] = prediction
    return answers


def _scorer(
    queries: Sequence[Query], scene: Callable[[str], Scene]
) -> Callable[[Query, Prediction | None], Mapping[str, float]]:
    kind = queries[0].kind
    if kind is TaskKind.GROUND:
        return _Grounding(scene, single=all(len(query.target_ids) == 1 for query in queries))
    return {
        TaskKind.ANSWER: _score_answer,
        TaskKind.SELECT: _score_selection,
        TaskKind.CAPTION: _score_nothing,
    }[kind]


def _score_answer(query: Query, answer: Prediction | None) -> Mapping[str, float]:
    if answer is None:
        return dict.fromkeys(answer_scores("", ()), 0.0)
    return answer_scores(answer.text, query.references)


def _score_selection(query: Query, answer: Prediction | None) -> Mapping[str, float]:
    return selection_scores(() if answer is None else answer.object_ids, query.target_ids)


def _score_nothing(_: Query, __: Prediction | None) -> Mapping[str, float]:
    return {}


class _Grounding:
    """Scores boxes in the axis-aligned frame, where the benchmarks define them."""

    def __init__(self, scene: Callable[[str], Scene], *, single: bool) -> None:
        self._scene = scene
        self._single = single

    def __call__(self, query: Query, answer: Prediction | None) -> Mapping[str, float]:
        scene = self._scene(query.scene_id)
        targets = _boxes_of(scene, query.target_ids)
        boxes = np.zeros((0, 6)) if answer is None else _predicted_boxes(scene, answer)
        scores = f1_scores(boxes, targets)
        if answer is None:
            scores = dict.fromkeys(scores, 0.0)
        return {**scores, **accuracy_scores(boxes, targets[0])} if self._single else scores


def _predicted_boxes(scene: Scene, answer: Prediction) -> NDArray[np.float64]:
    """(M, 6) boxes, best first; a backbone that names objects means their boxes."""
    if len(answer.corners) == 0:
        return _boxes_of(scene, answer.object_ids)
    boxes = aabb_from_corners(move_corners(scene.aligned_from_world, answer.corners))
    if len(answer.confidences) != len(boxes):
        return boxes
    return boxes[np.argsort(-np.asarray(answer.confidences), kind="stable")]


def _boxes_of(scene: Scene, object_ids: Sequence[int]) -> NDArray[np.float64]:
    """(K, 6) axis-aligned boxes `[centre, size]` of a scan's objects, metres."""
    objects = scene.objects
    if objects is None or objects.corners is None:
        raise DataError(
            f"scene {scene.scene_id!r}: wanted boxes of its objects to score grounding, found none"
        )
    rows = [objects.index_of(object_id) for object_id in object_ids]
    lacking = [i for i, row in zip(object_ids, rows, strict=True) if row is None]
    if lacking:
        raise DataError(f"scene {scene.scene_id!r}: has no objects {lacking}")
    corners = objects.corners[[row for row in rows if row is not None]]
    return aabb_from_corners(move_corners(scene.aligned_from_world, corners))
