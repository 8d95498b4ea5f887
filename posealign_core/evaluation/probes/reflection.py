"""The mirror probe: scan, pose, question and accepted answers reflected together."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from posealign_core.evaluation.probes.change import Reflected
from posealign_core.evaluation.probes.probe import Probe

if TYPE_CHECKING:
    from posealign_core.evaluation.probes.probe import Subject
    from posealign_core.evaluation.probes.result import ProbeRow

__all__ = ["Mirror"]


class Mirror(Probe):
    """Everything in the mirror."""

    title: ClassVar[str] = "The mirrored world"
    shows: ClassVar[str] = (
        "In the mirror, left is right in the scan, the view, the question and the accepted answers "
        "alike: a model that understands sides answers the mirror image, one that has learned "
        "which side is said more often does not."
    )

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """Share of mirrored answers, and the score against the mirrored references."""
        found = subject.ask("mirrored", Reflected())
        sound = dict.fromkeys(("all", "direction_critical", "other"), 1.0)
        label = "mirrored"
        return [
            *subject.value_rows(
                label,
                "mirrored answer",
                subject.sameness(found),
                expected=sound if subject.uses_poses else None,
            ),
            *subject.score_rows(label, found, subject.own()),
        ]
