"""Poses that stand in where the rule finds none.

The release answers questions without a target from any recorded frame, while questions with one
face it: the pose then tells whether a target exists (paper_results Q12), and comes from frames that
no other question uses (Q14). `NoTarget` offers better rules beside it.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from posealign_core.errors import PoseNotFoundError
from posealign_core.recover.frames import usable_frames
from posealign_core.recover.regions import center_scores
from posealign_core.structures import EgoPose
from posealign_core.vocabulary import PoseSource

if TYPE_CHECKING:
    import numpy as np

    from posealign_core.recover.selectors import Selector
    from posealign_core.structures import CameraTrajectory, Query, Scene, VisibilityTable

__all__ = ["NoTarget", "any_frame", "any_recorded", "without_target"]


class NoTarget(str, Enum):
    """The rule for questions without a target."""

    FROM_TEXT = "from_text"
    """An object whose label the text names stands in for the target, so that such questions face
    what they ask about as others do; where the text names none that a frame sees, as `RANDOM`."""
    SCENE_CENTER = "scene_center"
    """The kept frame whose image has the middle of the scan nearest its own middle."""
    RANDOM = "random"
    """Any kept frame."""
    RECORDED = "recorded"
    """Any recorded frame with a usable pose, kept or not, as released."""


def without_target(  # noqa: PLR0917 - as the hook that it serves
    query: Query,
    scene: Scene,
    trajectory: CameraTrajectory,
    visibility: VisibilityTable,
    selector: Selector,
    rng: np.random.Generator,
) -> EgoPose:
    """The pose of a question without a target, by `selector.no_target`.

    Args:
        query: The query.
        scene: Its scene, in WORLD.
        trajectory: All recorded frames.
        visibility: Scores of the kept frames, of which there is at least one.
        selector: Says which rule holds, and chooses among the frames that see a stand-in.
        rng: The only source of randomness.
    """
    kept, why = visibility.trajectory, "the query has no target"
    if selector.no_target is NoTarget.RECORDED:
        return any_recorded(trajectory, selector, why, rng)
    if selector.no_target is NoTarget.SCENE_CENTER:
        middle = (scene.points.min(axis=0) + scene.points.max(axis=0)) / 2
        scores = center_scores(middle[None], kept.world_from_camera, kept.intrinsics)[:, 0]
        return _pose(kept, int(scores.argmax()), selector, f"{why}: a view of the scan's middle")
    if selector.no_target is NoTarget.FROM_TEXT:
        for object_id in rng.permutation(_named(query, scene)).tolist():
            column = visibility.column(object_id)
            row = None if column is None else selector.select(column, rng)
            if row is not None:
                why = f"{why}: object {object_id}, which its text names, stands in"
                return _pose(kept, row, selector, why)
    return any_frame(kept, selector, why, rng)


def any_frame(
    kept: CameraTrajectory, selector: Selector, why: str, rng: np.random.Generator
) -> EgoPose:
    """A uniformly drawn frame."""
    return _pose(kept, int(rng.integers(len(kept))), selector, why)


def any_recorded(
    trajectory: CameraTrajectory, selector: Selector, why: str, rng: np.random.Generator
) -> EgoPose:
    """A uniformly drawn recorded frame whose pose is finite and rigid.

    Raises:
        PoseNotFoundError: There is none.
    """
    usable = usable_frames(trajectory)
    if not usable:
        raise PoseNotFoundError(
            f"scene {trajectory.scene_id!r}: wanted a finite rigid camera pose, found none among "
            f"{len(trajectory)} recorded frames; check the pose files of this scan"
        )
    return _pose(trajectory, int(rng.choice(usable)), selector, why)


def _pose(trajectory: CameraTrajectory, row: int, selector: Selector, why: str) -> EgoPose:
    return EgoPose(
        reference_from_camera=trajectory.pose(row),
        intrinsics=trajectory.intrinsics[row],
        source=PoseSource.FALLBACK,
        selector=selector.name,
        frame_id=trajectory.frame_ids[row],
        fallback_reason=why,
    )


def _named(query: Query, scene: Scene) -> list[int]:
    """Ids of the objects whose label is a word, or words, of the text, singular or plural."""
    if scene.objects is None:
        return []
    text = query.text.lower()
    found = {
        label
        for label in set(scene.objects.labels)
        if label and re.search(rf"\b{re.escape(label.lower())}(e?s)?\b", text)
    }
    pairs = zip(scene.objects.object_ids.tolist(), scene.objects.labels, strict=True)
    return [object_id for object_id, label in pairs if label in found]
