"""From a query, its scene and its pose to the sample that an encoder reads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from posealign_core.align.policy import policy_of
from posealign_core.errors import PoseNotFoundError
from posealign_core.structures import AlignedSample
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from posealign_core.host import PluginHost
    from posealign_core.structures import AlignSettings, EgoPose, Query, Scene

__all__ = ["align_sample"]


def align_sample(  # noqa: PLR0917 - the six things that one sample is made of, in order
    host: PluginHost,
    backbone: str,
    query: Query,
    scene: Scene,
    pose: EgoPose | None,
    settings: AlignSettings,
) -> AlignedSample:
    """Apply the alignment modes of a run, in the order transform, prompt.

    Embed acts later, where the backbone's tokens have coordinates; the sample carries the pose
    there. Without modes the pose is dropped, so that a plain run cannot depend on it.

    Args:
        host: Where the pose hooks live.
        backbone: Registered name of the backbone that will read the sample.
        query: The query.
        scene: Its scene, in WORLD.
        pose: Its ego pose, in WORLD; needed unless `settings.modes` is empty.
        settings: Modes, ego frame and fidelity.

    Raises:
        PoseNotFoundError: There are modes, but no pose.
    """
    if not settings.modes:
        return AlignedSample.unaligned(query, scene, None, settings)
    if pose is None:
        modes = ", ".join(sorted(mode.value for mode in settings.modes))
        raise PoseNotFoundError(
            f"query {query.query_id!r}: the modes {modes} need an ego pose, and none is given; "
            "recover poses first, or run without alignment"
        )
    sample = AlignedSample.unaligned(query, scene, pose, settings)
    if AlignMode.TRANSFORM in settings.modes:
        sample = host.transform(backbone=backbone, sample=sample, pose=_pose(sample))
    if AlignMode.PROMPT in settings.modes:
        sample = host.prompt(backbone=backbone, sample=sample, pose=_pose(sample))
    return replace(sample, policy=policy_of(settings))


def _pose(sample: AlignedSample) -> EgoPose:
    if sample.pose is None:
        raise PoseNotFoundError(f"query {sample.query.query_id!r}: a hook dropped the ego pose")
    return sample.pose
