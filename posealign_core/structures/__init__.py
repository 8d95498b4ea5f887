"""The frozen dataclasses that flow from stage to stage. Shapes, units and frames are checked."""

from __future__ import annotations

from posealign_core.structures.generation import GenerationOptions
from posealign_core.structures.masks import RunLengthMask
from posealign_core.structures.pose import EgoPose
from posealign_core.structures.prediction import Prediction
from posealign_core.structures.query import Query, Region
from posealign_core.structures.record import CodeVersion, RunRecord, StageRecord
from posealign_core.structures.sample import AlignedSample, AlignSettings, AugmentPolicy
from posealign_core.structures.scene import ObjectTable, Scene
from posealign_core.structures.trajectory import CameraTrajectory
from posealign_core.structures.visibility import FrameCounts, VisibilityTable

__all__ = [
    "AlignSettings",
    "AlignedSample",
    "AugmentPolicy",
    "CameraTrajectory",
    "CodeVersion",
    "EgoPose",
    "FrameCounts",
    "GenerationOptions",
    "ObjectTable",
    "Prediction",
    "Query",
    "Region",
    "RunLengthMask",
    "RunRecord",
    "Scene",
    "StageRecord",
    "VisibilityTable",
]
