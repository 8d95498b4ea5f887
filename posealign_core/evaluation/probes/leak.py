"""The leak panel: how far the pose alone gives the answer away."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from posealign_core.align import ego_from_reference
from posealign_core.errors import DataError
from posealign_core.evaluation.probes.change import WithoutWords
from posealign_core.evaluation.probes.changed_pipeline import ChangedPipeline
from posealign_core.evaluation.probes.probe import PoseProbe
from posealign_core.recover import RandomFrame
from posealign_core.structures import AlignSettings, Prediction, RunLengthMask
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.evaluation.probes.probe import Subject
    from posealign_core.evaluation.probes.result import ProbeRow
    from posealign_core.structures import EgoPose, Query, Scene
    from posealign_core.vocabulary import EgoFrame

__all__ = ["LeakPanel", "nearest_to_axis"]


class LeakPanel(PoseProbe):
    """What is right by the pose alone, and what is lost without it."""

    title: ClassVar[str] = "Leak panel"
    shows: ClassVar[str] = (
        "A recovered pose looks at its target: what a model gains by that, without reading the "
        "question, is the score of the object nearest to the forward axis and of the pose without "
        "words; what it owes to the pose at all is lost with a random one and without one."
    )

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """The run's score, and that of each control on the same questions."""
        own = subject.own()
        plain = AlignSettings(fidelity=subject.pipeline.settings.fidelity)
        controls = [
            ("a random camera of the scan", subject.ask("random-pose", selector=RandomFrame())),
            ("words without pose", subject.ask("no-pose", settings=plain)),
        ]
        if subject.queries[0].kind is not TaskKind.CAPTION:
            without = subject.ask("no-words", WithoutWords())
            controls.append(("pose without words", without))
        if subject.queries[0].kind in {TaskKind.GROUND, TaskKind.SELECT}:
            answers = _axis_answers(subject, subject.queries)
            nearest = subject.scored(answers, ChangedPipeline(subject.pipeline), subject.queries)
            controls.append(("the object nearest to the forward axis, no model", nearest))
        rows = subject.score_rows("as the run asks", own, None)
        for label, found in controls:
            rows += subject.score_rows(label, found, own)
        return rows


def _axis_answers(subject: Subject, queries: Sequence[Query]) -> list[Prediction]:
    answers = []
    for query in queries:
        scene = subject.pipeline.scene(query.scene_id)
        pose = subject.pipeline.pose(query, 0)
        if pose is None:
            raise DataError(f"query {query.query_id!r}: wanted a pose for the leak panel")
        found = nearest_to_axis(query, scene, pose, subject.pipeline.settings.ego_frame)
        ids = scene.instance_ids
        masks = () if ids is None or found is None else (RunLengthMask.encode(ids == found),)
        answers.append(
            Prediction(
                query_id=query.query_id,
                benchmark=query.benchmark,
                scene_id=query.scene_id,
                text="",
                object_ids=() if found is None else (found,),
                masks=masks,
                pose=pose,
            )
        )
    return answers


def nearest_to_axis(query: Query, scene: Scene, pose: EgoPose, ego_frame: EgoFrame) -> int | None:
    """The object whose bearing is nearest to straight ahead; None where nothing is ahead.

    Bearings are those of centres on the ego frame's floor plan, |atan2(y, x)| with x > 0
    (chat_scene spec 9.8). Only the query's candidates count, where it has any.

    Args:
        query: The question; its words are not read.
        scene: The scan, in WORLD.
        pose: The pose, in WORLD.
        ego_frame: The run's ego frame.

    Raises:
        DataError: The scan has no objects.
    """
    if scene.objects is None:
        raise DataError(f"scene {scene.scene_id!r}: wanted its objects for the leak panel")
    centers = ego_from_reference(pose, scene.up, ego_frame).apply(scene.objects.centers)
    bearing = np.abs(np.arctan2(centers[:, 1], centers[:, 0]))
    allowed = centers[:, 0] > 0
    if query.candidates:
        allowed &= np.isin(scene.objects.object_ids, query.candidates)
    if not allowed.any():
        return None
    return int(scene.objects.object_ids[np.argmin(np.where(allowed, bearing, np.inf))])
