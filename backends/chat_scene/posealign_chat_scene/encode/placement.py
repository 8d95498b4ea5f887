"""The frame in which places are told, and the pose in it (specification sections 9.4 and 9.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from posealign_core.align import ego_from_reference
from posealign_core.align.stated_pose import stated_pose
from posealign_core.geometry import Frame, RigidTransform, ego_from_camera
from posealign_core.vocabulary import AlignMode, EgoFrame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posealign_chat_scene.objects.proposals import Proposals
    from posealign_core.structures import AlignedSample, EgoPose

__all__ = ["Placed", "embeds", "levelled", "place"]


class Placed(NamedTuple):
    """Where things are.

    Attributes:
        centers: (n, 3) metres.
        pose: What words state and what embed mode uses, in the same frame; None without either.
        up: (3,) against gravity.
    """

    centers: NDArray[np.float64]
    pose: EgoPose | None
    up: NDArray[np.float64]


def place(sample: AlignedSample, proposals: Proposals) -> Placed:
    """Turn walls onto the axes where the sample's policy allows it, as all published places are.

    The recipe has no other geometric step: no turn, flip, scaling or shift.
    """
    turn = RigidTransform.identity(Frame.INPUT, Frame.INPUT)
    if sample.policy.axis_align:
        turn = RigidTransform(proposals.aligned_from_input.matrix, Frame.INPUT, Frame.INPUT)
    camera = None if sample.pose is None else sample.pose.moved(turn).reference_from_camera.matrix
    return Placed(
        centers=turn.apply(proposals.centers),
        pose=stated_pose(sample, camera),
        up=turn.apply_direction(sample.scene.up),
    )


def levelled(pose: EgoPose, up: NDArray[np.float64]) -> EgoPose:
    """The pose with its camera held upright: its place and its heading stay."""
    ego = ego_from_reference(pose, up, EgoFrame.LEVEL)
    return replace(pose, reference_from_camera=ego.inverse() @ ego_from_camera())


def embeds(sample: AlignedSample) -> bool:
    """Whether a sample is in embed mode."""
    return AlignMode.EMBED in sample.settings.modes
