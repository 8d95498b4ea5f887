"""From what the model answered, in its input frame, to a prediction in the world."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import move_corners
from posealign_core.structures import Prediction, RunLengthMask

if TYPE_CHECKING:
    from posealign_core.backbone import RawAnswer
    from posealign_core.structures import AlignedSample

__all__ = ["answer_to_prediction"]


def answer_to_prediction(answer: RawAnswer, sample: AlignedSample) -> Prediction:
    """Carry boxes and pose back to WORLD with the inverse of `sample.input_from_world`."""
    world_from_input = sample.input_from_world.inverse()
    corners = np.zeros((0, 8, 3)) if answer.corners is None else answer.corners
    return Prediction(
        query_id=sample.query.query_id,
        benchmark=sample.query.benchmark,
        scene_id=sample.query.scene_id,
        text=answer.text,
        alternatives=answer.alternatives,
        corners=move_corners(world_from_input, corners),
        masks=()
        if answer.masks is None
        else tuple(RunLengthMask.encode(mask) for mask in answer.masks),
        object_ids=answer.object_ids,
        confidences=answer.confidences,
        missing_inputs=answer.missing_inputs,
        pose=None if sample.pose is None else sample.pose.moved(world_from_input),
    )
