"""PoseAlign-Prompt: say the pose in words and numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import PoseNotFoundError
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample, EgoPose

__all__ = ["POSE_TEMPLATE", "RELEASED_POSE_TEMPLATE", "pose_text", "prompt_sample"]

POSE_TEMPLATE = "I stand at {position} and face {front}; my left is {left} and up is {up}."
RELEASED_POSE_TEMPLATE = "position {position}, front: {front}, left: {left}, up: {up}"
"""The published pose string (3d_llava spec 5.4); the sentence around it belongs to the backbone."""


def prompt_sample(sample: AlignedSample) -> AlignedSample:
    """Give a sample the words that state its pose; numbers come later, with `pose_text`."""
    released = sample.settings.fidelity is Fidelity.RELEASED
    return replace(sample, pose_template=RELEASED_POSE_TEMPLATE if released else POSE_TEMPLATE)


def pose_text(sample: AlignedSample, pose: EgoPose | None = None) -> str:
    """State the pose in words, or return `""` for a sample without prompt mode.

    Args:
        sample: The sample; its fidelity decides the number format. `correct` prints metres and unit
            vectors with two decimals, `released` prints what numpy prints for a float64 array.
        pose: The pose in the frame that the coordinates finally have, when the encoder has moved
            them since; the sample's own otherwise.

    Raises:
        PoseNotFoundError: There is a template but no pose.
    """
    if not sample.pose_template:
        return ""
    pose = sample.pose if pose is None else pose
    if pose is None:
        raise PoseNotFoundError(f"prompt mode: query {sample.query.query_id!r} has no ego pose")
    rotation = pose.reference_from_camera.rotation
    vectors = {
        "position": pose.reference_from_camera.translation,
        "front": rotation[:, 2],
        "left": -rotation[:, 0],
        "up": -rotation[:, 1],
    }
    form = str if sample.settings.fidelity is Fidelity.RELEASED else _fixed
    return sample.pose_template.format(**{name: form(v) for name, v in vectors.items()})


def _fixed(vector: NDArray[np.float64]) -> str:
    """Two decimals, and no minus sign before a zero."""
    return "(" + ", ".join(f"{x + 0.0:.2f}" for x in np.round(vector, 2)) + ")"
