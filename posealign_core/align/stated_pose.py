"""The pose that words and token features are made from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from posealign_core.geometry import SCANNET_CONSTANT, Frame, RigidTransform
from posealign_core.vocabulary import AlignMode, Fidelity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample, EgoPose

__all__ = ["stated_pose"]


def stated_pose(
    sample: AlignedSample, input_from_camera: NDArray[np.float64] | None
) -> EgoPose | None:
    """The pose that a prompt states and an embedding uses, or None where no mode needs it.

    Correct: the pose in the frame that the coordinates finally have. Released: the recorded pose,
    whatever has become of the coordinates, and one camera for every scan (3d_llava spec 5.4, 5.5).

    Args:
        sample: The sample.
        input_from_camera: (4, 4) its pose after every geometric step.
    """
    needed = {AlignMode.PROMPT, AlignMode.EMBED} & sample.settings.modes
    if not needed or sample.pose is None or input_from_camera is None:
        return None
    matrix, intrinsics = input_from_camera, sample.pose.intrinsics
    if sample.settings.fidelity is Fidelity.RELEASED:
        recorded = sample.pose.moved(sample.input_from_world.inverse())
        matrix, intrinsics = recorded.reference_from_camera.matrix, SCANNET_CONSTANT
    return replace(
        sample.pose,
        reference_from_camera=RigidTransform(matrix, Frame.INPUT, Frame.CAMERA),
        intrinsics=intrinsics,
    )
