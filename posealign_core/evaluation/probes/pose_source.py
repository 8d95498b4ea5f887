"""True poses against recovered ones, on questions whose asker's pose is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from posealign_core.evaluation.probes.probe import PoseProbe
from posealign_core.recover import Annotated, Clip, RandomFrame, Top

if TYPE_CHECKING:
    from posealign_core.evaluation.probes.probe import Answers, Subject
    from posealign_core.evaluation.probes.result import ProbeRow
    from posealign_core.geometry import RigidTransform
    from posealign_core.structures import Query

__all__ = ["PoseSources", "heading_error_deg"]


class PoseSources(PoseProbe):
    """The same model with the asker's own pose, and with poses found by each selector."""

    title: ClassVar[str] = "True against recovered poses"
    shows: ClassVar[str] = (
        "What it costs that a pose must be recovered: the difference is to the asker's own pose."
    )

    baseline: ClassVar[str] = "the asker's own pose"

    def reason_to_skip(self, subject: Subject) -> str:
        """See the base class."""
        if not any(query.annotated_pose is not None for query in subject.queries):
            return "the data set gives no asker's poses"
        return super().reason_to_skip(subject)

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """Scores by selector, and how far each pose is from the true one."""
        queries = [query for query in subject.queries if query.annotated_pose is not None]
        true = subject.ask("annotated", queries=queries, selector=Annotated())
        rows = subject.score_rows("the asker's own pose", true, None)
        for selector in (Top(), Clip(), RandomFrame()):
            found = subject.ask(selector.name, queries=queries, selector=selector)
            label = f"recovered, {selector.name}"
            rows += subject.score_rows(label, found, true)
            rows += _error_rows(subject, queries, found, label)
        return rows


def _error_rows(
    subject: Subject, queries: list[Query], found: Answers, label: str
) -> list[ProbeRow]:
    yaw, distance = {}, {}
    for query in queries:
        pose, true = found.predictions[query.query_id].pose, query.annotated_pose
        if pose is None or true is None:
            continue
        up = subject.pipeline.scene(query.scene_id).up
        eye = pose.reference_from_camera
        yaw[query.query_id] = heading_error_deg(eye, true, up)
        distance[query.query_id] = float(np.linalg.norm(eye.translation - true.translation))
    return [
        *subject.value_rows(label, "heading error", yaw, unit="degrees"),
        *subject.value_rows(label, "distance", distance, unit="metres"),
    ]


def heading_error_deg(first: RigidTransform, second: RigidTransform, up: np.ndarray) -> float:
    """Angle between the optical axes of two cameras on the floor plan, degrees in [0, 180]."""
    flat = [p.rotation[:, 2] - (p.rotation[:, 2] @ up) * up for p in (first, second)]
    cross, dot = float(np.cross(*flat) @ up), float(flat[0] @ flat[1])
    return abs(math.degrees(math.atan2(cross, dot)))
