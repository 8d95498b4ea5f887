"""The frame in which places are told, and the pose in it (specification sections 9.4 and 9.5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from posealign_chat_scene.objects.proposals import members_of
from posealign_core.align import ego_from_reference
from posealign_core.align.stated_pose import stated_pose
from posealign_core.geometry import Frame, RigidTransform, ego_from_camera
from posealign_core.vocabulary import AlignMode, EgoFrame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_chat_scene.objects.proposals import Proposals
    from posealign_core.structures import AlignedSample, EgoPose

__all__ = ["Placed", "levelled", "place"]


class Placed(NamedTuple):
    """Where things are.

    Attributes:
        centers: (n, 3) metres.
        pose: What words state, in the same frame; None without need of it.
        embedded: What embed mode uses, likewise.
    """

    centers: NDArray[np.float64]
    pose: EgoPose | None
    embedded: EgoPose | None


def place(sample: AlignedSample, proposals: Proposals, config: ChatSceneConfig) -> Placed:
    """Turn walls onto the axes where the sample's policy allows it, as all published places are.

    The recipe has no other geometric step: no turn, flip, scaling or shift.
    """
    turn = RigidTransform.identity(Frame.INPUT, Frame.INPUT)
    if sample.policy.axis_align:
        turn = RigidTransform(proposals.aligned_from_input.matrix, Frame.INPUT, Frame.INPUT)
    camera = None if sample.pose is None else sample.pose.moved(turn).reference_from_camera.matrix
    pose = stated_pose(sample, camera)
    up = turn.apply_direction(sample.scene.up)
    embedded = pose if AlignMode.EMBED in sample.settings.modes else None
    tells_places = config.embed == "places"
    if embedded is not None and tells_places and sample.settings.ego_frame is EgoFrame.LEVEL:
        embedded = levelled(embedded, up)
    centers = turn.apply(proposals.centers)
    if config.objects.places == "points":
        ego = embedded if tells_places else None
        centers = _middles(sample, proposals, centers, turn, ego)
    return Placed(centers, pose, embedded)


def levelled(pose: EgoPose, up: NDArray[np.float64]) -> EgoPose:
    """The pose with its camera held upright: its place and its heading stay."""
    ego = ego_from_reference(pose, up, EgoFrame.LEVEL)
    return replace(pose, reference_from_camera=ego.inverse() @ ego_from_camera())


def _middles(
    sample: AlignedSample,
    proposals: Proposals,
    centers: NDArray[np.float64],
    turn: RigidTransform,
    ego: EgoPose | None,
) -> NDArray[np.float64]:
    """Middles of the boxes around objects' points; `centers` of those without points.

    Args:
        sample: The scene.
        proposals: Its objects.
        centers: (n, 3) metres, in the frame in which places are told.
        turn: From INPUT to that frame.
        ego: Its camera sees the frame along whose axes the boxes lie; that frame's own where None.
    """
    points = turn.apply(sample.scene.points)
    camera = None if ego is None else ego.reference_from_camera
    if camera is not None:
        points = camera.inverse().apply(points)
    middles: NDArray[np.float64] = centers.copy()
    for row, members in enumerate(members_of(sample.scene, proposals)):
        if len(members):
            own = points[members]
            middle = (own.min(axis=0) + own.max(axis=0)) / 2
            middles[row] = middle if camera is None else camera.apply(middle)
    return middles
