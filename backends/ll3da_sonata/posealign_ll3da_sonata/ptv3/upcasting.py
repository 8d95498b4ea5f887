"""Features of coarse voxels brought to the finer ones that lie in them (section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from posealign_core.errors import ShapeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_ll3da_sonata.ptv3.config import EncoderConfig
    from posealign_ll3da_sonata.ptv3.points import Stage

__all__ = ["upcast", "upcast_width"]


def upcast(stages: Sequence[Stage], *, n_joined: int, to_stage: int) -> Tensor:
    """Carry the coarsest features to a finer stage.

    Args:
        stages: All of them, the finest first.
        n_joined: How many steps from the coarsest on put a stage's own features before what is
            carried; later steps carry only.
        to_stage: Where to stop.

    Returns:
        (N of that stage, `upcast_width`).

    Raises:
        ShapeError: There is no such stage, or more are to be joined than lie on the way.
    """
    _require_on_the_way(len(stages), n_joined, to_stage)
    carried = stages[-1].points.features
    for step, (finer, coarser) in enumerate(_steps(stages, to_stage)):
        if coarser.row_of_finer is None:
            raise ShapeError("up-casting: wanted stages, the finest first, found another order")
        carried = carried[coarser.row_of_finer]
        if step < n_joined:
            carried = torch.cat([finer.points.features, carried], dim=1)
    return carried


def upcast_width(config: EncoderConfig, n_joined: int) -> int:
    """Channels after as many joins."""
    return sum(config.channels[-1 - n_joined :])


def _steps(stages: Sequence[Stage], to_stage: int) -> list[tuple[Stage, Stage]]:
    """Pairs (finer, coarser) from the coarsest to where to stop."""
    return [(stages[s], stages[s + 1]) for s in reversed(range(to_stage, len(stages) - 1))]


def _require_on_the_way(n_stages: int, n_joined: int, to_stage: int) -> None:
    if not 0 <= n_joined <= n_stages - 1 - to_stage <= n_stages - 1:
        raise ShapeError(
            f"up-casting: wanted a stage in [0, {n_stages}) and at most as many joins as steps to "
            f"it, found stage {to_stage} and {n_joined} joins"
        )
