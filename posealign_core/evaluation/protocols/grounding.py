"""Boxes and masks of what a text refers to: ScanRefer, Multi3DRefer (benchmarks spec 4.1, 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import DataError
from posealign_core.evaluation.metrics.boxes import accuracy_scores, f1_scores
from posealign_core.evaluation.metrics.components import PointGraph
from posealign_core.evaluation.metrics.masks import mask_scores, union_of_masks
from posealign_core.evaluation.protocols.protocol import Item, Material, Protocol, Scores
from posealign_core.geometry import aabb_from_corners, aabb_of_points, move_corners
from posealign_core.structures import Prediction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import Query, Scene

__all__ = [
    "GROUNDING_PROTOCOLS",
    "MULTI3DREFER_PROTOCOLS",
    "SCANREFER_PROTOCOLS",
    "boxes_of",
    "predicted_boxes",
]

_Row = Callable[["_Case"], Mapping[str, float]]


def predicted_boxes(scene: Scene, answer: Prediction) -> NDArray[np.float64]:
    """(M, 6) boxes of an answer in the axis-aligned frame, `[centre, size]`, metres, best first.

    A backbone that names objects means their boxes; one that gives masks means the boxes around
    them. A box that is not finite becomes one without volume, which meets nothing.
    """
    if len(answer.corners):
        finite = np.isfinite(answer.corners).all(axis=(1, 2), keepdims=True)
        corners = np.where(finite, answer.corners, 0.0)
        boxes = aabb_from_corners(move_corners(scene.aligned_from_world, corners))
    elif answer.object_ids:
        boxes = boxes_of(scene, answer.object_ids)
    else:
        masks = [union_of_masks([mask], len(scene)) for mask in answer.masks]
        points = [scene.aligned_from_world.apply(scene.points[m]) for m in masks if m.any()]
        boxes = np.array([aabb_of_points(p) for p in points]).reshape(-1, 6)
    if len(answer.confidences) != len(boxes):
        return boxes
    confidences = np.nan_to_num(np.asarray(answer.confidences), nan=-np.inf)
    return boxes[np.argsort(-confidences, kind="stable")]


def boxes_of(scene: Scene, object_ids: Sequence[int]) -> NDArray[np.float64]:
    """(K, 6) axis-aligned boxes `[centre, size]` of a scan's objects, metres.

    Raises:
        DataError: The scan has no boxes, or lacks an object.
    """
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


@dataclass(frozen=True, eq=False)
class _Case:
    """A query with its answer; boxes are found once for all scores, graphs once for each scan."""

    scene: Scene
    query: Query
    answer: Prediction
    graphs: dict[str, PointGraph]

    @cached_property
    def boxes(self) -> NDArray[np.float64]:
        return predicted_boxes(self.scene, self.answer)

    @cached_property
    def targets(self) -> NDArray[np.float64]:
        return boxes_of(self.scene, self.query.target_ids)


def _accuracy(case: _Case) -> Mapping[str, float]:
    return accuracy_scores(case.boxes, case.targets[0])


def _f1(case: _Case) -> Mapping[str, float]:
    return f1_scores(case.boxes, case.targets)


def _f1_of_parts(case: _Case) -> Mapping[str, float]:
    """F1 of the boxes around the mask's connected parts, for backbones that give one mask."""
    scene, graphs = case.scene, case.graphs
    if scene.scene_id not in graphs:
        aligned = scene.aligned_from_world.apply(scene.points)
        graphs[scene.scene_id] = PointGraph.of(aligned, scene.superpoint_ids)
    parts = graphs[scene.scene_id].parts(union_of_masks(case.answer.masks, len(scene)))
    boxes = np.zeros((0, 6))
    if parts:
        points = scene.aligned_from_world.apply(scene.points[np.concatenate(parts)])
        starts = np.cumsum([0, *map(len, parts[:-1])])
        low, high = (end.reduceat(points, starts) for end in (np.minimum, np.maximum))
        boxes = np.concatenate([(low + high) / 2, high - low], axis=1)
    return {k.replace("f1", "f1_cc"): v for k, v in f1_scores(boxes, case.targets).items()}


def _mask(case: _Case) -> Mapping[str, float]:
    ids = case.scene.instance_ids
    if ids is None:
        raise DataError(
            f"scene {case.scene.scene_id!r}: wanted object masks to score masks, found none; score "
            "boxes with the protocol 'strict'"
        )
    target = np.isin(ids, case.query.target_ids)
    return mask_scores(union_of_masks(case.answer.masks, len(ids)), target)


def _score_by(rows: Sequence[_Row], items: Sequence[Item], material: Material) -> Scores:
    """Apply scores to each item; a missing answer has 0 in all."""
    scored: list[Mapping[str, float]] = []
    graphs: dict[str, PointGraph] = {}
    n_broken = 0
    for query, answer in items:
        given = answer or Prediction(
            query_id=query.query_id, benchmark=query.benchmark, scene_id=query.scene_id, text=""
        )
        case = _Case(material.scene(query.scene_id), query, given, graphs)
        found = {k: v for row in rows for k, v in row(case).items()}
        scored.append(dict.fromkeys(found, 0.0) if answer is None else found)
        n_broken += int((~np.isfinite(given.corners).all(axis=(1, 2))).sum())
    remarks = {"boxes": f"{n_broken} are not finite and count as misses"} if n_broken else {}
    metrics = scored[0] if scored else ()
    return Scores(scores={m: [row[m] for row in scored] for m in metrics}, remarks=remarks)


def _score_strictly(items: Sequence[Item], material: Material) -> Scores:
    """Boxes always, masks where the backbone gives any, accuracy where each query has one target.

    Where queries may have several, a mask is also split into its parts: `f1_cc`, never the F1 of
    the benchmark. An object that is named twice counts once.
    """
    single = all(len(query.target_ids) == 1 for query, _ in items)
    has_masks = any(answer is not None and answer.masks for _, answer in items)
    rows = [_f1, *([_accuracy] if single else []), *([_mask] if has_masks else [])]
    if has_masks and not single:
        rows.append(_f1_of_parts)
    return _score_by(rows, [(query, _distinct(answer)) for query, answer in items], material)


def _distinct(answer: Prediction | None) -> Prediction | None:
    if answer is None or answer.confidences:
        return answer
    return replace(answer, object_ids=tuple(dict.fromkeys(answer.object_ids)))


def _score_accuracy(items: Sequence[Item], material: Material) -> Scores:
    return _score_by([_accuracy], items, material)


def _score_f1(items: Sequence[Item], material: Material) -> Scores:
    return _score_by([_f1], items, material)


def _score_masks(items: Sequence[Item], material: Material) -> Scores:
    return _score_by([_mask], items, material)


GROUNDING_PROTOCOLS = (
    Protocol(
        name="strict",
        summary="missing answers are wrong; boxes, and masks where there are any",
        score=_score_strictly,
    ),
)
"""For grounding in any other benchmark."""

_MASKS_ONLY = Protocol(
    name="3d-llava",
    summary="masks only, all targets together, missing answers dropped",
    score=_score_masks,
    missing="dropped",
    lenient=True,
)

SCANREFER_PROTOCOLS = (
    *GROUNDING_PROTOCOLS,
    Protocol(
        name="official",
        summary="box accuracy over the submitted answers",
        score=_score_accuracy,
        missing="dropped",
        lenient=True,
    ),
    _MASKS_ONLY,
    Protocol(
        name="chat-scene",
        summary="box accuracy of the first box, missing answers dropped",
        score=_score_accuracy,
        missing="dropped",
        lenient=True,
    ),
)

MULTI3DREFER_PROTOCOLS = (
    *GROUNDING_PROTOCOLS,
    Protocol(name="official", summary="F1 of boxes, missing answers count 0", score=_score_f1),
    _MASKS_ONLY,
    Protocol(
        name="chat-scene",
        summary="F1 of boxes with repeated ones kept, missing answers dropped",
        score=_score_f1,
        missing="dropped",
        lenient=True,
    ),
)
