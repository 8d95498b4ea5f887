"""Frames, rigid transforms, cameras and boxes. Pure numpy; lengths are metres."""

from __future__ import annotations

from posealign_core.geometry.boxes import (
    aabb_from_corners,
    aabb_iou,
    aabb_of_points,
    corners_from_aabb,
    move_corners,
)
from posealign_core.geometry.conventions import (
    CameraAxes,
    PoseDirection,
    ego_from_camera,
    world_from_camera_rdf,
)
from posealign_core.geometry.frames import Frame, RigidTransform, are_rigid, is_rigid
from posealign_core.geometry.intrinsics import SCANNET_CONSTANT, Intrinsics
from posealign_core.geometry.rotation import reflection_of, rotation_about

__all__ = [
    "SCANNET_CONSTANT",
    "CameraAxes",
    "Frame",
    "Intrinsics",
    "PoseDirection",
    "RigidTransform",
    "aabb_from_corners",
    "aabb_iou",
    "aabb_of_points",
    "are_rigid",
    "corners_from_aabb",
    "ego_from_camera",
    "is_rigid",
    "move_corners",
    "reflection_of",
    "rotation_about",
    "world_from_camera_rdf",
]
