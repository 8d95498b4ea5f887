"""PoseRecover for one scan: from points, labels and cameras to a visibility table."""

from __future__ import annotations

import hashlib
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posealign_core.errors import (
    DataError,
    FrameMismatchError,
    PoseAlignWarning,
    PoseNotFoundError,
)
from posealign_core.geometry.frames import Frame
from posealign_core.recover.frames import keep_frames
from posealign_core.recover.plausibility import doubts
from posealign_core.recover.prepare import prepare_masks
from posealign_core.recover.regions import box_scores, center_scores
from posealign_core.recover.visibility import count_scores
from posealign_core.structures import VisibilityTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.recover.settings import RecoverSettings
    from posealign_core.structures import CameraTrajectory, ObjectTable, Scene

__all__ = ["input_digest", "recover_scene"]

_VERSION = b"1"
"""Rises when the same inputs give other scores, so that older tables are made again."""


def recover_scene(
    scene: Scene, trajectory: CameraTrajectory, settings: RecoverSettings
) -> VisibilityTable:
    """Score every object of a scan in every kept frame.

    Warns with `PoseAlignWarning` where the result looks as if points and cameras were in different
    frames, or where few frames were kept.

    Args:
        scene: The scan, in WORLD.
        trajectory: Its recorded frames, invalid ones included.
        settings: Rule, thinning and engine.

    Raises:
        FrameMismatchError: The scene is not in WORLD.
        PoseNotFoundError: No recorded frame has a usable pose.
        DataError: The scan lacks the labels that the rule needs, or an array is malformed.
    """
    rule = _rule_for(scene, settings.rule)
    kept, counts = keep_frames(trajectory, settings.every)
    if not len(kept):
        raise PoseNotFoundError(
            f"scene {scene.scene_id!r}: wanted a finite rigid camera pose, found none among "
            f"{counts.recorded} recorded frames; check the pose files of this scan"
        )
    found = _scores(scene, kept, rule, settings)
    digest = input_digest(scene, trajectory, settings)
    table = VisibilityTable(
        trajectory=kept, rule=rule, counts=counts, digest=digest, **found._asdict()
    )
    for doubt in doubts(table):
        warnings.warn(doubt, PoseAlignWarning, stacklevel=2)
    return table


def input_digest(scene: Scene, trajectory: CameraTrajectory, settings: RecoverSettings) -> str:
    """Hash of all that a table's scores depend on.

    Raises:
        FrameMismatchError, DataError: As `recover_scene`.
    """
    rule = _rule_for(scene, settings.rule)
    kept, _ = keep_frames(trajectory, settings.every)
    total = hashlib.blake2b(_VERSION, digest_size=16)
    # repr tells None from numbers and keeps every digit.
    numbers = (rule, settings.image_scale, settings.depth_tolerance_m, settings.every)
    total.update(repr((numbers, kept.frame_ids, kept.intrinsics)).encode())
    for array in (kept.world_from_camera, *_labels(scene, rule)):
        total.update(repr((array.shape, array.dtype.str)).encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def _labels(scene: Scene, rule: str) -> tuple[NDArray[np.generic], ...]:
    """The arrays of a scene that a rule reads."""
    if rule in ("surface", "released"):
        return scene.points, _masks(scene)
    objects = _objects(scene)
    return objects.object_ids, objects.centers if rule == "center" else _corners(objects)


def _rule_for(scene: Scene, rule: str) -> str:
    if scene.frame is not Frame.WORLD:
        raise FrameMismatchError(
            f"scene {scene.scene_id!r}: wanted it in world, where its camera poses are, found it "
            f"in {scene.frame.value}"
        )
    if rule != "auto":
        return rule
    if scene.instance_ids is not None:
        return "surface"
    return "center" if scene.objects is None or scene.objects.corners is None else "box"


class _Scores(NamedTuple):
    scores: NDArray[np.float32]
    object_ids: NDArray[np.int64]
    image_scale: float
    depth_tolerance_m: float


def _scores(scene: Scene, kept: CameraTrajectory, rule: str, settings: RecoverSettings) -> _Scores:
    if rule in ("surface", "released"):
        prepared = prepare_masks(
            scene.points,
            _masks(scene),
            kept.world_from_camera,
            kept.intrinsics,
            rule=rule,
            image_scale=settings.image_scale,
            depth_tolerance=settings.depth_tolerance_m,
        )
        settled = prepared.settings
        scores, object_ids = count_scores(prepared, settings.engine)
        return _Scores(scores, object_ids, settled.image_scale, settled.depth_tolerance_m)
    objects = _objects(scene)
    if rule == "box":
        scores = box_scores(_corners(objects), kept.world_from_camera, kept.intrinsics)
    else:
        scores = center_scores(objects.centers, kept.world_from_camera, kept.intrinsics)
    return _Scores(scores, objects.object_ids, 1.0, float("nan"))


def _masks(scene: Scene) -> NDArray[np.int64]:
    if scene.instance_ids is None:
        raise DataError(
            f"scene {scene.scene_id!r} has no instance id per point; use rule 'box' or 'center'"
        )
    return scene.instance_ids


def _objects(scene: Scene) -> ObjectTable:
    if scene.objects is None:
        raise DataError(
            f"scene {scene.scene_id!r} has neither masks nor boxes nor centres of objects; "
            "PoseRecover needs one of them"
        )
    return scene.objects


def _corners(objects: ObjectTable) -> NDArray[np.float64]:
    if objects.corners is None:
        raise DataError("the scan's objects have centres but no boxes; use rule 'center'")
    return objects.corners
