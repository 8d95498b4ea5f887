"""Probes of a finished run: the same questions otherwise, and what that shows.

A probe is registered by a `ProbeSpec`; a backbone adds its own the same way.
"""

from __future__ import annotations

from posealign_core.evaluation.probes.change import (
    Change,
    Reflected,
    TurnedPose,
    TurnedWorld,
    WithoutWords,
)
from posealign_core.evaluation.probes.probe import Answers, PoseProbe, Probe, Subject
from posealign_core.evaluation.probes.result import ProbeResult, ProbeRow, load_probe, save_probe

__all__ = [
    "Answers",
    "Change",
    "PoseProbe",
    "Probe",
    "ProbeResult",
    "ProbeRow",
    "Reflected",
    "Subject",
    "TurnedPose",
    "TurnedWorld",
    "WithoutWords",
    "load_probe",
    "save_probe",
]
