"""Choosing one of a scene's objects by the mask that was predicted for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from posealign_core.structures.regions import points_of_objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_core.structures import Query, Scene

__all__ = ["Choices", "choices_of"]


class Choices(NamedTuple):
    """The C candidates of a question, as the superpoints that they lie in.

    Attributes:
        object_ids: (C,) int64.
        overlap: (C, Q) float32 points of a candidate in a superpoint.
        sizes: (Q,) float32 points of a superpoint.
    """

    object_ids: Tensor
    overlap: Tensor
    sizes: Tensor

    def best(self, mask: Tensor) -> int | None:
        """The candidate that overlaps a soft mask (Q,) most (IoU of points), or None of none."""
        if len(self.object_ids) == 0:
            return None
        mask = mask.float()
        inside = self.overlap @ mask
        union = self.overlap.sum(1) + (self.sizes * mask).sum() - inside
        return int(self.object_ids[(inside / union.clamp(min=1e-6)).argmax()])


def choices_of(query: Query, scene: Scene, superpoint_ids: Tensor) -> Choices:
    """Prepare the candidates of a query: those that it names, else all objects of the scene.

    Args:
        query: The query.
        scene: Its scene.
        superpoint_ids: (N,) of the scene's points, from 0 to Q - 1.
    """
    ids: Sequence[int] = query.candidates
    if not ids and scene.objects is not None:
        ids = scene.objects.object_ids.tolist()
    n_superpoints = int(superpoint_ids.max()) + 1
    rows = [superpoint_ids[torch.from_numpy(points_of_objects(scene, [i]))] for i in ids]
    counts = [row.bincount(minlength=n_superpoints).float() for row in rows]
    return Choices(
        object_ids=torch.tensor(list(ids), dtype=torch.int64),
        overlap=torch.stack(counts) if counts else torch.zeros(0, n_superpoints),
        sizes=superpoint_ids.bincount(minlength=n_superpoints).float(),
    )
