"""How far apart the views are that a run may choose for one question (judge spec 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from posealign_core.evaluation.probes.probe import PoseProbe
from posealign_core.evaluation.subsets import direction_subsets
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from posealign_core.evaluation.probes.probe import Subject
    from posealign_core.evaluation.probes.result import ProbeRow
    from posealign_core.structures import Query, Scene

__all__ = ["ViewSpread", "ViewsAgreement", "view_spread"]

N_DRAWS = 64
BIN_DEG = 10
STEEP_M = 0.3
"""From a camera that is horizontally nearer to the object than this, a bearing means little."""


class ViewSpread(NamedTuple):
    """How far apart the bearings are from which one object may be asked about.

    Attributes:
        largest_deg: Largest angle between two of them, degrees.
        over_90: Share of pairs of independent draws that are more than 90 degrees apart: from the
            one, left is where right is from the other.
        over_150: Likewise for 150 degrees.
        resultant: Length of the mean of the unit bearings: 1 where all agree, 0 where they cancel.
    """

    largest_deg: float
    over_90: float
    over_150: float
    resultant: float


class _Views(NamedTuple):
    """What was drawn for one question.

    Attributes:
        bearings: Per target, (D,) radians.
        steep: Share of drawn cameras that look down on their target.
    """

    bearings: list[NDArray[np.float64]]
    steep: float

    @property
    def n_draws(self) -> int:
        return sum(map(len, self.bearings))

    @property
    def spread(self) -> ViewSpread:
        """The mean over targets, each as often as it was drawn."""
        spreads = [view_spread(yaws) for yaws in self.bearings]
        return ViewSpread(*np.average(spreads, axis=0, weights=[len(b) for b in self.bearings]))


class ViewsAgreement(PoseProbe):
    """Draws poses as the run does, again and again; no model is asked."""

    title: ClassVar[str] = "Opposite views of one target"
    shows: ClassVar[str] = (
        "How often two poses that the run's selector may choose for one question disagree about "
        "left and right: the noise in what the model is taught and asked about sides."
    )

    def __init__(self) -> None:
        self._drawn: dict[str, dict[str, _Views]] = {}

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """Shares over questions with a target that at least one drawn frame sees."""
        drawn = self._views(subject)
        found = {key: views.spread for key, views in drawn.items()}
        steep = {key: views.steep for key, views in drawn.items()}
        label = f"selector {subject.pipeline.selector.name}, {N_DRAWS} draws"
        rows = []
        for measure, key in (
            ("two draws over 90 degrees apart", "over_90"),
            ("two draws over 150 degrees apart", "over_150"),
            ("mean resultant length", "resultant"),
        ):
            values = {k: float(getattr(spread, key)) for k, spread in found.items()}
            rows += subject.value_rows(label, measure, values)
        largest = {k: float(spread.largest_deg) for k, spread in found.items()}
        rows += subject.value_rows(label, "largest angle", largest, unit="degrees")
        for bound in (90, 120, 150):
            over = {k: float(angle > bound) for k, angle in largest.items()}
            rows += subject.value_rows(label, f"some views over {bound} degrees apart", over)
        return [*rows, *subject.value_rows(label, "seen from nearly above", steep)]

    def tables(self, subject: Subject) -> dict[str, list[dict[str, Any]]]:
        """Each question's spread, and histograms of angles over the questions of each subset."""
        drawn, selector = self._views(subject), subject.pipeline.selector.name
        subsets = direction_subsets(subject.queries)
        critical = set(subsets.get("direction_critical", ()))
        questions = [
            {
                "query_id": query.query_id,
                "scene_id": query.scene_id,
                "direction_critical": query.query_id in critical,
                "selector": selector,
                "n_draws": views.n_draws,
                **views.spread._asdict(),
                "seen_from_nearly_above": views.steep,
            }
            for query in subject.queries
            if (views := drawn.get(query.query_id)) is not None
        ]
        histogram = [
            {"subset": subset, "selector": selector, **line}
            for subset, keys in subsets.items()
            for line in _histogram([drawn[key] for key in keys if key in drawn])
        ]
        return {"questions": questions, "histogram": histogram}

    def _views(self, subject: Subject) -> dict[str, _Views]:
        """By query id, for the questions with a target that is seen; drawn once per benchmark."""
        if subject.benchmark not in self._drawn:
            every = ((query.query_id, _bearings(subject, query)) for query in subject.queries)
            self._drawn[subject.benchmark] = {k: views for k, views in every if views.bearings}
        return self._drawn[subject.benchmark]


def _histogram(drawn: Sequence[_Views]) -> Iterator[dict[str, float]]:
    """Per bin of angles, questions by their largest one, and the mean share of pairs of draws."""
    if not drawn:
        return
    edges = np.arange(0, 181, BIN_DEG)
    largest, _ = np.histogram([views.spread.largest_deg for views in drawn], edges)
    pairs = np.zeros(len(largest))
    for views in drawn:
        for yaws in views.bearings:
            counts, _ = np.histogram(_angles(yaws), edges)
            pairs += counts / max(1, counts.sum()) * len(yaws) / views.n_draws / len(drawn)
    for low, n, share in zip(edges[:-1].tolist(), largest.tolist(), pairs.tolist(), strict=True):
        yield {
            "from_deg": low,
            "to_deg": low + BIN_DEG,
            "n_questions_by_largest_angle": n,
            "share_of_pairs_of_draws": share,
        }


def _angles(yaws: NDArray[np.float64]) -> NDArray[np.float64]:
    """(D * (D - 1) / 2,) degrees between different draws, in [0, 180]."""
    first, second = np.triu_indices(len(yaws), k=1)
    turned = np.abs((yaws[first] - yaws[second] + np.pi) % (2 * np.pi) - np.pi)
    return np.degrees(turned).clip(max=180.0)


def view_spread(yaws: NDArray[np.float64]) -> ViewSpread:
    """Sum up bearings.

    Args:
        yaws: (D,) radians, D >= 1, of independent draws. Shares are over pairs of different draws,
            which makes them unbiased; of a single draw they are 0.
    """
    angles = _angles(yaws)
    n_pairs = max(1, len(angles))
    return ViewSpread(
        largest_deg=float(angles.max(initial=0.0)),
        over_90=float((angles > 90).sum() / n_pairs),
        over_150=float((angles > 150).sum() / n_pairs),
        resultant=float(abs(np.exp(1j * yaws).mean())),
    )


def _bearings(subject: Subject, query: Query) -> _Views:
    """Per target, the yaws from the drawn cameras to it; and the share that look steeply down."""
    scene = subject.pipeline.scene(query.scene_id)
    yaws: dict[int, list[float]] = {}
    n_steep = 0
    across, along = _floor_axes(scene.up)
    for draw in range(N_DRAWS):
        pose = subject.pipeline.pose(query, draw)
        if pose is None or pose.source is PoseSource.FALLBACK:
            continue
        target = pose.object_id
        if target is None:
            target = next((i for i in query.target_ids if i >= 0), None)
        center = None if target is None else _center(scene, target)
        if target is None or center is None:
            continue
        away = center - pose.reference_from_camera.translation
        flat = float(away @ across), float(away @ along)
        if np.hypot(*flat) < STEEP_M:
            n_steep += 1
            continue
        yaws.setdefault(target, []).append(float(np.arctan2(flat[1], flat[0])))
    n_seen = sum(map(len, yaws.values()))
    share = n_steep / (n_steep + n_seen) if n_seen else 0.0
    return _Views([np.array(values) for values in yaws.values()], share)


def _floor_axes(up: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two horizontal unit vectors at a right angle, counter-clockwise seen from above."""
    first = np.eye(3)[int(np.argmin(np.abs(up)))]
    first -= (first @ up) * up
    first /= np.linalg.norm(first)
    return first, np.cross(up, first)


def _center(scene: Scene, object_id: int) -> NDArray[np.float64] | None:
    row = None if scene.objects is None else scene.objects.index_of(object_id)
    if scene.objects is not None and row is not None:
        center: NDArray[np.float64] = scene.objects.centers[row]
        return center
    members = None if scene.instance_ids is None else scene.points[scene.instance_ids == object_id]
    return None if members is None or not len(members) else members.mean(axis=0)
