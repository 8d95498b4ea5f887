"""Claims that are true from an asker's pose, and whether another pose keeps them."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import DataError
from posealign_core.vocabulary import PoseSource
from posealign_rooms.relations import Side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from posealign_core.geometry import RigidTransform
    from posealign_core.structures import EgoPose, Query, Scene

__all__ = ["Claim", "PoseCheck", "claims_of", "compare"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Claim:
    """A question whose answer rests on where one object is relative to another.

    Attributes:
        query: The question.
        pose: World-from-camera of its asker.
        lateral: Whether the claim is about left and right, else about front and behind.
        subject: Id of the object that is somewhere.
        anchor: Id of the object that it is left, right, in front of or behind of.
    """

    query: Query
    pose: RigidTransform
    lateral: bool
    subject: int
    anchor: int


def claims_of(queries: Iterable[Query]) -> dict[str, list[Claim]]:
    """By scan, the claims of the queries that have an asker's pose and a target.

    Raises:
        DataError: There is none.
    """
    found: dict[str, list[Claim]] = {}
    for query in queries:
        relation = json.loads(query.extra.get("relation", "null"))
        if query.annotated_pose is None or not query.target_ids or relation is None:
            continue
        side, subject, anchor = relation
        if anchor is not None:
            claim = Claim(
                query=query,
                pose=query.annotated_pose,
                lateral=side in {Side.LEFT.value, Side.RIGHT.value},
                subject=subject,
                anchor=anchor,
            )
            found.setdefault(query.scene_id, []).append(claim)
    if not found:
        raise DataError(
            "validate-recover: wanted queries with a pose, a target and a relation, found none; "
            "give the folder that 'posealign rooms make' made"
        )
    return found


@dataclass(frozen=True, kw_only=True)
class PoseCheck:
    """One question under one rule and selector.

    Attributes:
        scene_id: The scan.
        rule: Rule of the visibility table.
        selector: Rule that chose the frame.
        yaw_error_deg: Angle between the headings on the floor plan, degrees.
        position_error_m: Distance between the cameras, metres.
        lateral: Whether the claim is about left and right, else about front and behind.
        same: Whether it holds from the recovered pose too.
        fallback: Whether no frame saw the target.
    """

    scene_id: str
    rule: str
    selector: str
    yaw_error_deg: float
    position_error_m: float
    lateral: bool
    same: bool
    fallback: bool


def compare(claim: Claim, scene: Scene, found: EgoPose, rule: str) -> PoseCheck:
    """Hold a recovered pose against the asker's own.

    Args:
        claim: What is true from the asker's pose.
        scene: The scan, in WORLD.
        found: The recovered pose, in WORLD.
        rule: Rule of the visibility table that it comes from.
    """
    true, pose = claim.pose, found.reference_from_camera
    turn = math.remainder(_heading(true) - _heading(pose), 2 * math.pi)
    away = _center(scene, claim.subject) - _center(scene, claim.anchor)
    there, here = (_component(away, p, lateral=claim.lateral) for p in (true, pose))
    return PoseCheck(
        scene_id=scene.scene_id,
        rule=rule,
        selector=found.selector,
        yaw_error_deg=math.degrees(abs(turn)),
        position_error_m=float(np.linalg.norm(true.translation - pose.translation)),
        lateral=claim.lateral,
        same=there * here > 0,
        fallback=found.source is PoseSource.FALLBACK,
    )


def _heading(pose: RigidTransform) -> float:
    return math.atan2(pose.rotation[1, 2], pose.rotation[0, 2])


def _center(scene: Scene, object_id: int) -> NDArray[np.float64]:
    row = None if scene.objects is None else scene.objects.index_of(object_id)
    if scene.objects is None or row is None:
        raise DataError(f"scene {scene.scene_id!r}: wanted object {object_id}, found none")
    center: NDArray[np.float64] = scene.objects.centers[row]
    return center


def _component(away: NDArray[np.float64], pose: RigidTransform, *, lateral: bool) -> float:
    """How far to the left, or how far ahead, a horizontal vector points, metres."""
    heading = _heading(pose)
    if lateral:
        return float(away[1] * math.cos(heading) - away[0] * math.sin(heading))
    return float(away[0] * math.cos(heading) + away[1] * math.sin(heading))
