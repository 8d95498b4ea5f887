"""From the points of a region to the superpoints that prompt the network (section 1.2, step B)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.errors import DataError
from posealign_core.nn.segments import segment_mean
from posealign_core.vocabulary import Fidelity

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["prompt_mask"]

COVERAGE = 0.45
"""Share of a superpoint's points that must lie in the region, exclusive."""


def prompt_mask(in_region: Tensor, superpoint_ids: Tensor, fidelity: Fidelity) -> Tensor:
    """Say which superpoints a region marks.

    Args:
        in_region: (N,) bool.
        superpoint_ids: (N,) int64, every value from 0 to Q - 1.
        fidelity: See `ModelFidelity.empty_prompt`.

    Returns:
        (Q,) bool.

    Raises:
        DataError: No point lies in the region.
    """
    if not in_region.any():
        raise DataError(
            f"prompt: wanted a region with points, found none among {len(in_region)}; the object "
            f"has no point in this scan, or dropout removed them all"
        )
    n_superpoints = int(superpoint_ids.max()) + 1
    share = segment_mean(in_region.float()[:, None], superpoint_ids, n_superpoints)[:, 0]
    mask = share > COVERAGE
    if not mask.any() and fidelity is Fidelity.CORRECT:
        mask[share.argmax()] = True
    return mask
