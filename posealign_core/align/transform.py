"""PoseAlign-Transform: move the scene into the ego frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.align.ego_frame import ego_from_reference
from posealign_core.geometry import Frame, RigidTransform

if TYPE_CHECKING:
    from posealign_core.structures import AlignedSample, EgoPose

__all__ = ["transform_sample"]


def transform_sample(sample: AlignedSample, pose: EgoPose) -> AlignedSample:
    """Make the ego frame the input frame.

    Cloud, normals, objects, region and pose move together; `input_from_world` remembers the way
    back. What is ahead of the asker gets positive x, what is left positive y, what is above
    positive z, in metres from the camera centre.

    Args:
        sample: The sample so far.
        pose: The ego pose, in the sample's INPUT frame.
    """
    ego_from_input = ego_from_reference(pose, sample.scene.up, sample.settings.ego_frame)
    return sample.moved(RigidTransform(ego_from_input.matrix, Frame.INPUT, Frame.INPUT))
