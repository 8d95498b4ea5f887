"""Choosing one of a scene's known objects (benchmarks spec 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["selection_scores"]


def selection_scores(object_ids: Sequence[int], target_ids: Sequence[int]) -> dict[str, float]:
    """Say whether the first chosen object is a target; `accuracy` is 0 where nothing was chosen."""
    return {"accuracy": float(bool(object_ids) and object_ids[0] in target_ids)}
