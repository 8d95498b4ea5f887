"""How far apart the views are that a run may choose for one question (judge spec 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from posealign_core.evaluation.probes.probe import PoseProbe
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.evaluation.probes.probe import Subject
    from posealign_core.evaluation.probes.result import ProbeRow
    from posealign_core.structures import Query, Scene

__all__ = ["ViewSpread", "ViewsAgreement", "view_spread"]

N_DRAWS = 64
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


class ViewsAgreement(PoseProbe):
    """Draws poses as the run does, again and again; no model is asked."""

    title: ClassVar[str] = "Opposite views of one target"
    shows: ClassVar[str] = (
        "How often two poses that the run's selector may choose for one question disagree about "
        "left and right: the noise in what the model is taught and asked about sides."
    )

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """Shares over questions with a target that at least one drawn frame sees."""
        found, steep = {}, {}
        for query in subject.queries:
            bearings, share = _bearings(subject, query)
            if bearings:
                spreads = [view_spread(b) for b in bearings]
                weights = [len(b) for b in bearings]
                found[query.query_id] = ViewSpread(*np.average(spreads, axis=0, weights=weights))
                steep[query.query_id] = share
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


def view_spread(yaws: NDArray[np.float64]) -> ViewSpread:
    """Sum up bearings.

    Args:
        yaws: (D,) radians, D >= 1, of independent draws. Shares are over pairs of different draws,
            which makes them unbiased; of a single draw they are 0.
    """
    angles = np.degrees(np.abs((yaws[:, None] - yaws[None] + np.pi) % (2 * np.pi) - np.pi))
    n_pairs = max(1, len(yaws) * (len(yaws) - 1))
    return ViewSpread(
        largest_deg=float(angles.max()),
        over_90=float((angles > 90).sum() / n_pairs),
        over_150=float((angles > 150).sum() / n_pairs),
        resultant=float(abs(np.exp(1j * yaws).mean())),
    )


def _bearings(subject: Subject, query: Query) -> tuple[list[NDArray[np.float64]], float]:
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
    return [np.array(values) for values in yaws.values()], share


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
