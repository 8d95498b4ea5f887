"""From generated text to answers: boxes in words, and the objects that they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_core.backbone import RawAnswer
from posealign_core.geometry import corners_from_aabb
from posealign_core.vocabulary import TaskKind
from posealign_ll3da.encode.choices import best_choice
from posealign_ll3da.encode.instructions import PLACED

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posealign_core.backbone import Batch

__all__ = ["answer_of"]


def answer_of(
    batch: Batch, question: int, text: str, described: NDArray[np.float64] | None
) -> RawAnswer:
    """The answer to a question of a batch.

    Args:
        batch: The batch.
        question: Place of the question.
        text: What was generated.
        described: (8, 3) corners in INPUT of the box that a caption describes, or None.
    """
    kind = batch["kind"][question]
    if kind not in PLACED:
        return RawAnswer(text=text, corners=None if described is None else described[None])
    stated = batch["grid"][question].read(text)
    if kind is TaskKind.SELECT:
        chosen = best_choice(batch["choices"][question], stated)
        return RawAnswer(text=text, object_ids=chosen)
    corners = batch["placement"][question].back(corners_from_aabb(stated))
    return RawAnswer(text=text, corners=corners)
