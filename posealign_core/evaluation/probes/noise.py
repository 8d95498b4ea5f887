"""Pose-noise curves: what a wrong pose costs (paper table 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from posealign_core.evaluation.probes.probe import PoseProbe
from posealign_core.recover import PoseNoise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posealign_core.evaluation.probes.probe import Subject
    from posealign_core.evaluation.probes.result import ProbeRow

__all__ = ["ShiftNoise", "YawNoise"]


class _NoiseCurve(PoseProbe):
    levels: ClassVar[Sequence[PoseNoise]]
    unit: ClassVar[str]

    def rows(self, subject: Subject) -> list[ProbeRow]:
        """The score at each level of noise, from the run's own poses on; seeded by the run."""
        own = subject.own()
        rows = subject.score_rows("as the run asks", own, None, x=0.0)
        for noise in self.levels:
            bound = noise.yaw_deg + noise.shift_m
            found = subject.ask(f"noise-{bound:g}", noise=noise)
            rows += subject.score_rows(f"within {bound:g} {self.unit}", found, own, x=bound)
        return rows


class YawNoise(_NoiseCurve):
    """Poses turned about the up axis, uniformly within a bound."""

    title: ClassVar[str] = "Noise on the heading"
    shows: ClassVar[str] = (
        "How the score falls as the asker's heading becomes wrong: a model that does not use its "
        "pose stays level."
    )
    axis: ClassVar[str] = "bound of the yaw noise (degrees)"
    unit: ClassVar[str] = "degrees"
    levels: ClassVar[Sequence[PoseNoise]] = tuple(
        PoseNoise(yaw_deg=bound) for bound in (5.0, 15.0, 30.0, 60.0, 90.0, 180.0)
    )


class ShiftNoise(_NoiseCurve):
    """Poses shifted on each axis, uniformly within a bound."""

    title: ClassVar[str] = "Noise on the place"
    shows: ClassVar[str] = "How the score falls as the place where the asker stands becomes wrong."
    axis: ClassVar[str] = "bound of the shift on each axis (metres)"
    unit: ClassVar[str] = "metres"
    levels: ClassVar[Sequence[PoseNoise]] = tuple(
        PoseNoise(shift_m=bound) for bound in (0.1, 0.25, 0.5, 1.0, 2.0)
    )
