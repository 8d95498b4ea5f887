"""PoseRecover: which camera of the scan sees what, and which of them a query was asked from."""

from __future__ import annotations

from posealign_core.recover.dataset import RecoveredScan, recover_dataset
from posealign_core.recover.fallback import NoTarget
from posealign_core.recover.frames import keep_frames, usable_frames
from posealign_core.recover.noise import PoseNoise
from posealign_core.recover.pose import query_rng, recover_pose
from posealign_core.recover.regions import box_scores, center_scores
from posealign_core.recover.scene import input_digest, recover_scene
from posealign_core.recover.selectors import (
    Annotated,
    Clip,
    Given,
    RandomFrame,
    Selector,
    Top,
)
from posealign_core.recover.settings import RecoverSettings
from posealign_core.recover.store import load_table, save_table, table_path
from posealign_core.recover.visibility import visibility_scores

__all__ = [
    "Annotated",
    "Clip",
    "Given",
    "NoTarget",
    "PoseNoise",
    "RandomFrame",
    "RecoverSettings",
    "RecoveredScan",
    "Selector",
    "Top",
    "box_scores",
    "center_scores",
    "input_digest",
    "keep_frames",
    "load_table",
    "query_rng",
    "recover_dataset",
    "recover_pose",
    "recover_scene",
    "save_table",
    "table_path",
    "usable_frames",
    "visibility_scores",
]
