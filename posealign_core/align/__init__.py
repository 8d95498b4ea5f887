"""PoseAlign: bring a scene into an ego pose by transform, prompt or embed.

`posealign_core.align.embed` needs torch and is therefore imported by its full name.
"""

from __future__ import annotations

from posealign_core.align.compose import align_sample
from posealign_core.align.ego_frame import ego_from_reference
from posealign_core.align.policy import policy_of
from posealign_core.align.prompt import pose_text, prompt_sample
from posealign_core.align.to_world import answer_to_prediction
from posealign_core.align.transform import transform_sample

__all__ = [
    "align_sample",
    "answer_to_prediction",
    "ego_from_reference",
    "policy_of",
    "pose_text",
    "prompt_sample",
    "transform_sample",
]
