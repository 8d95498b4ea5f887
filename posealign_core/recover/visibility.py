"""The share of each object's points that each camera sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_core.recover.engines import load_engine
from posealign_core.recover.prepare import prepare_masks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from posealign_core.geometry.intrinsics import Intrinsics
    from posealign_core.recover.prepare import PreparedMasks

__all__ = ["count_scores", "visibility_scores"]


def visibility_scores(
    points: ArrayLike,
    instance_ids: ArrayLike,
    world_from_camera: ArrayLike,
    intrinsics: Intrinsics | Sequence[Intrinsics],
    *,
    rule: str = "surface",
    image_scale: float | None = None,
    depth_tolerance: float | None = None,
    engine: str = "auto",
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Score how much of each object each camera sees, with occlusion by a Z-buffer.

    `"released"` is the published algorithm (3d_llava spec 8.6). `"surface"` ties image scale, splat
    size and tolerance to the spacing of the points (see `rules`), which brings the scores close to
    ray casting.

    Args:
        points: (N, 3) finite, metres, in the frame that the cameras refer to.
        instance_ids: (N,) integer object of each point; negative where it belongs to none. Under
            `"released"` -1 is an object like any other.
        world_from_camera: (V, 4, 4) rigid, camera axes right-down-forward.
        intrinsics: One camera for all, or V cameras, for images of their full size.
        rule: `"surface"` or `"released"`.
        image_scale: Factor on the images for the Z-buffer; None lets the rule choose.
        depth_tolerance: Slack behind the Z-buffer, metres; None lets the rule choose.
        engine: `"numpy"`, `"numba"`, `"triton"`, or `"auto"`: Triton where there is CUDA.

    Returns:
        Scores (V, K) float32 and object ids (K,) int64 ascending.

    Raises:
        ShapeError: Shapes do not match, a point is not finite, or a camera is not rigid.
        ConfigError: There is no such rule or engine, or a number is out of range.
    """
    prepared = prepare_masks(
        points,
        instance_ids,
        world_from_camera,
        intrinsics,
        rule=rule,
        image_scale=image_scale,
        depth_tolerance=depth_tolerance,
    )
    return count_scores(prepared, engine)


def count_scores(
    prepared: PreparedMasks, engine: str
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Do a prepared task with an engine; returns scores (V, K) float32 and object ids (K,).

    Raises:
        ConfigError: There is no such engine.
    """
    counts = load_engine(engine)(prepared.task)
    present = counts.total > 0
    scores = (counts.visible[:, present] / counts.total[present]).astype(np.float32)
    return scores, prepared.column_ids[present]
