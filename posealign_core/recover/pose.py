"""The ego pose of a query, from a visibility table and a selector."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import PoseNotFoundError
from posealign_core.recover.frames import usable_frames
from posealign_core.structures import EgoPose
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    from posealign_core.recover.selectors import Selector
    from posealign_core.structures import CameraTrajectory, Query, Scene, VisibilityTable

__all__ = ["query_rng", "recover_pose"]


def query_rng(run_seed: int, epoch: int, query_id: str) -> np.random.Generator:
    """The generator for one query in one epoch: the same in any process and in any order."""
    key = hashlib.blake2b(f"{run_seed}\0{epoch}\0{query_id}".encode(), digest_size=16).digest()
    return np.random.default_rng(np.random.SeedSequence(int.from_bytes(key, "big")))


def recover_pose(  # noqa: PLR0917 - the hook's signature
    query: Query,
    scene: Scene,
    trajectory: CameraTrajectory,
    visibility: VisibilityTable,
    selector: Selector,
    rng: np.random.Generator,
) -> EgoPose:
    """Find the ego pose of a query, in WORLD; the core's `posealign_recover_pose`.

    One of several targets is drawn uniformly. Where there is none, or no kept frame sees it, a
    uniformly drawn kept frame stands in, with source FALLBACK and the reason.

    Args:
        query: The query.
        scene: Its scene, in WORLD.
        trajectory: All recorded frames of the scan.
        visibility: Scores of the kept frames.
        selector: The rule.
        rng: The only source of randomness; see `query_rng`.

    Raises:
        PoseNotFoundError: The scan has no usable pose, or the selector names a frame that it lacks.
    """
    pose = selector.direct(query, trajectory)
    if pose is not None:
        return pose
    if not len(visibility.trajectory):
        return _any_recorded(trajectory, selector, rng)
    if not selector.needs_target:
        row = selector.select(np.zeros(len(visibility.trajectory), dtype=np.float32), rng)
        return _pose(visibility, selector, 0 if row is None else row)
    targets = [target for target in query.target_ids if target >= 0]
    target = int(rng.choice(targets)) if targets else None
    scores = None if target is None else visibility.column(target)
    row = None if scores is None else selector.select(scores, rng)
    if row is not None:
        return _pose(visibility, selector, row, target=target)
    row = int(rng.integers(len(visibility.trajectory)))
    reason = _why(target, known=scores is not None)
    return _pose(visibility, selector, row, target=target, fallback_reason=reason)


def _why(target: int | None, *, known: bool) -> str:
    if target is None:
        return "the query has no target"
    if not known:
        return f"the scan has no points of object {target}"
    return f"no kept frame sees object {target}"


def _pose(
    visibility: VisibilityTable,
    selector: Selector,
    row: int,
    *,
    target: int | None = None,
    fallback_reason: str = "",
) -> EgoPose:
    trajectory = visibility.trajectory
    scores = None if target is None else visibility.column(target)
    return EgoPose(
        reference_from_camera=trajectory.pose(row),
        intrinsics=trajectory.intrinsics[row],
        source=PoseSource.FALLBACK if fallback_reason else PoseSource.RECOVERED,
        selector=selector.name,
        frame_id=trajectory.frame_ids[row],
        object_id=target,
        score=None if scores is None else float(scores[row]),
        fallback_reason=fallback_reason,
    )


def _any_recorded(
    trajectory: CameraTrajectory, selector: Selector, rng: np.random.Generator
) -> EgoPose:
    usable = usable_frames(trajectory)
    if not usable:
        raise PoseNotFoundError(
            f"scene {trajectory.scene_id!r}: wanted a finite rigid camera pose, found none among "
            f"{len(trajectory)} recorded frames; check the pose files of this scan"
        )
    row = int(rng.choice(usable))
    return EgoPose(
        reference_from_camera=trajectory.pose(row),
        intrinsics=trajectory.intrinsics[row],
        source=PoseSource.FALLBACK,
        selector=selector.name,
        frame_id=trajectory.frame_ids[row],
        fallback_reason="the visibility table keeps no frame",
    )
