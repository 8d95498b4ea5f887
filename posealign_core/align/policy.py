"""Which augmentation an alignment mode leaves room for."""

from __future__ import annotations

from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from posealign_core.structures import AugmentPolicy
from posealign_core.vocabulary import AlignMode, Fidelity

if TYPE_CHECKING:
    from posealign_core.structures import AlignSettings

__all__ = ["policy_of"]

# Mirrors and elastic distortion have no rigid counterpart that the pose could follow, and a mirror
# swaps left and right without changing the words (paper_results Q15).
_POSE_FOLLOWS = AugmentPolicy(flip=False, elastic=False)

# In the ego frame every shift, turn or scaling moves the origin that the words refer to; dropping
# points moves nothing. The paper switches all of it off, the release keeps three (Q4).
_EGO_FRAME = AugmentPolicy(
    axis_align=False,
    center=False,
    rotate=False,
    flip=False,
    scale=False,
    translate=False,
    elastic=False,
)
_EGO_FRAME_RELEASED = AugmentPolicy(
    axis_align=False, center=False, rotate=False, flip=False, elastic=False
)
_ANYTHING = AugmentPolicy()

_POLICIES = {
    (AlignMode.TRANSFORM, Fidelity.CORRECT): _EGO_FRAME,
    (AlignMode.TRANSFORM, Fidelity.RELEASED): _EGO_FRAME_RELEASED,
    (AlignMode.PROMPT, Fidelity.CORRECT): _POSE_FOLLOWS,
    (AlignMode.PROMPT, Fidelity.RELEASED): _ANYTHING,
    (AlignMode.EMBED, Fidelity.CORRECT): _POSE_FOLLOWS,
    (AlignMode.EMBED, Fidelity.RELEASED): _ANYTHING,
}


def policy_of(settings: AlignSettings) -> AugmentPolicy:
    """What the encoder may still do: the steps that every mode of the run allows."""
    return reduce(and_, (_POLICIES[mode, settings.fidelity] for mode in settings.modes), _ANYTHING)
