"""The ego pose of a query, from a visibility table and a selector."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.recover.fallback import any_frame, any_recorded, without_target
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

    One of several targets is drawn uniformly. Where no kept frame sees it, a uniformly drawn kept
    frame stands in; where there is none, what `selector.no_target` says (see `NoTarget`). Both
    have source FALLBACK and the reason.

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
    kept = visibility.trajectory
    if not len(kept):
        return any_recorded(trajectory, selector, "the visibility table keeps no frame", rng)
    if not selector.needs_target:
        row = selector.select(np.zeros(len(kept), dtype=np.float32), rng)
        return _pose(kept, selector, 0 if row is None else row)
    targets = [target for target in query.target_ids if target >= 0]
    if not targets:
        return without_target(query, scene, trajectory, visibility, selector, rng)
    target = int(rng.choice(targets))
    scores = visibility.column(target)
    row = None if scores is None else selector.select(scores, rng)
    if scores is not None and row is not None:
        return replace(_pose(kept, selector, row), object_id=target, score=float(scores[row]))
    why = f"the scan has no points of object {target}"
    if scores is not None:
        why = f"no kept frame sees object {target}"
    stand_in = any_frame(kept, selector, why, rng)
    return replace(stand_in, object_id=target, score=None if scores is None else 0.0)


def _pose(kept: CameraTrajectory, selector: Selector, row: int) -> EgoPose:
    return EgoPose(
        reference_from_camera=kept.pose(row),
        intrinsics=kept.intrinsics[row],
        source=PoseSource.RECOVERED,
        selector=selector.name,
        frame_id=kept.frame_ids[row],
    )
