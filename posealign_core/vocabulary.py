"""The small closed vocabularies that specs, configs and data share.

Kept free of imports, so that a plugin's registration module stays light.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["AlignMode", "EgoFrame", "Fidelity", "PoseSource", "TaskKind"]


class AlignMode(str, Enum):
    """Where PoseAlign puts the pose; modes combine, and the empty set is the plain backbone."""

    TRANSFORM = "transform"
    """Move the scene into the ego frame."""
    PROMPT = "prompt"
    """Say the pose in words and numbers."""
    EMBED = "embed"
    """Give each token six features that relate it to the camera."""


class EgoFrame(str, Enum):
    """Which forward-left-up frame `AlignMode.TRANSFORM` moves the scene into."""

    CAMERA = "camera"
    """The camera's own axes: a pitched or rolled camera tilts the floor (the published form)."""
    LEVEL = "level"
    """Gravity-levelled: only the camera's heading counts, up stays up."""


class Fidelity(str, Enum):
    """Which of two behaviours a quirk of the released code gets."""

    CORRECT = "correct"
    RELEASED = "released"


class PoseSource(str, Enum):
    """How the ego pose of a query came about."""

    ANNOTATED = "annotated"
    """The data set says where the asker stood."""
    RECOVERED = "recovered"
    """A selector chose a frame of the scan's trajectory."""
    USER = "user"
    """The caller gave it."""
    FALLBACK = "fallback"
    """No frame sees the target (or there is none): some frame of the scan stands in."""


class TaskKind(str, Enum):
    """What kind of answer a query wants; it decides decoding and metrics."""

    ANSWER = "answer"
    """A short text: ScanQA, SQA3D."""
    CAPTION = "caption"
    """A description of a given region: Scan2Cap."""
    GROUND = "ground"
    """Boxes or masks of the objects that a text refers to: ScanRefer, Multi3DRefer."""
    SELECT = "select"
    """One of the scene's known objects: Nr3D, Sr3D."""
