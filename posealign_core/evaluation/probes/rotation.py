"""Rotation consistency: the world turned with its pose, and the pose turned alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from posealign_core.evaluation.metrics.answers import normalize_answer
from posealign_core.evaluation.probes.change import TurnedPose, TurnedWorld
from posealign_core.evaluation.probes.probe import PoseProbe, Probe
from posealign_core.evaluation.probes.same_answer import opposite_side

if TYPE_CHECKING:
    from posealign_core.evaluation.probes.probe import Answers, Subject
    from posealign_core.evaluation.probes.result import ProbeRow

__all__ = ["PoseRotation", "WorldRotation"]

_FACING_AWAY = 180


class WorldRotation(Probe):
    """The world turned by quarters, and its pose with it."""

    title: ClassVar[str] = "World and pose turned together"
    shows: ClassVar[str] = (
        "Nothing changes for the asker when the room is turned under both of them: a model that "
        "goes by its pose gives the same answers, one that goes by the room's axes does not."
    )
    axis: ClassVar[str] = "turn of the world (degrees)"

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """Share of same answers, and the score, per quarter; 0 degrees is the model asked again."""
        rows = []
        own = subject.own()
        sound = dict.fromkeys(("all", "direction_critical", "other"), 1.0)
        for degrees in (0, 90, 180, 270):
            label = f"world turned by {degrees} degrees"
            found = subject.ask(f"world-{degrees}", TurnedWorld(degrees))
            rows += subject.value_rows(
                label,
                "same answer",
                subject.sameness(found),
                x=degrees,
                expected=sound if subject.uses_poses else None,
            )
            rows += subject.score_rows(label, found, own, x=degrees)
        return rows


class PoseRotation(PoseProbe):
    """The pose alone turned by quarters."""

    title: ClassVar[str] = "Pose turned alone"
    shows: ClassVar[str] = (
        "An asker who turns round has right where left was: answers that need a direction must "
        "change, to the opposite side at 180 degrees, and others must not."
    )
    axis: ClassVar[str] = "turn of the pose (degrees)"

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """Share of changed answers per quarter; at 180 degrees, whether the opposite is said."""
        rows = []
        for degrees in (90, 180, 270):
            found = subject.ask(f"pose-{degrees}", TurnedPose(degrees))
            label = f"pose turned by {degrees} degrees"
            changed = {key: 1 - same for key, same in subject.sameness(found).items()}
            rows += subject.value_rows(
                label, "changed answer", changed, x=degrees, expected={"other": 0.0}
            )
            if degrees == _FACING_AWAY:
                rows += _opposite_rows(subject, found, label)
        return rows


def _opposite_rows(subject: Subject, found: Answers, label: str) -> list[ProbeRow]:
    """Whether the side opposite to the accepted one is named, where all accepted answers name one.

    From the opposite heading that is the true answer, whatever the question's objects are.
    """
    right = {}
    for query in subject.queries:
        sides = {opposite_side(text) for text in query.references}
        answer = found.predictions.get(query.query_id)
        if len(sides) == 1 and None not in sides and answer is not None:
            right[query.query_id] = float(normalize_answer(answer.text) in sides)
    sound = dict.fromkeys(("all", "direction_critical"), 1.0)
    return subject.value_rows(label, "opposite side named", right, x=_FACING_AWAY, expected=sound)
