"""What a detector says about objects (specification sections 2.4 and 3.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from posealign_ll3da.model.boxes import Ranges, corners_of, overlaps

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Proposals"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Proposals:
    """Q boxes for each of B scenes, one per query of the decoder.

    Attributes:
        class_logits: (B, Q, classes + 1); the last class is background.
        centers: (B, Q, 3) metres in INPUT.
        sizes: (B, Q, 3) edge lengths along the axes of INPUT, metres.
        features: (B, Q, C) normalised state of the query.
        query_xyz: (B, Q, 3) where the query started, metres in INPUT.
    """

    class_logits: Tensor
    centers: Tensor
    sizes: Tensor
    features: Tensor
    query_xyz: Tensor

    @property
    def corners(self) -> Tensor:
        """(B, Q, 8, 3) metres in INPUT; see `boxes.to_camera_axes` for the release's axes."""
        return corners_of(self.centers, self.sizes)

    @property
    def class_probs(self) -> Tensor:
        """(B, Q, classes), without background."""
        return self.class_logits.softmax(dim=-1)[..., :-1]

    @property
    def objectness(self) -> Tensor:
        """(B, Q) probability of not being background."""
        return 1 - self.class_logits.softmax(dim=-1)[..., -1]

    @property
    def is_object(self) -> Tensor:
        """(B, Q) bool: the likeliest class is not background."""
        return self.class_logits.argmax(dim=-1) != self.class_logits.shape[-1] - 1

    def features_of_boxes(self, corners: Tensor) -> Tensor:
        """State (B, n, C) of the object proposal that overlaps each box most.

        A box that overlaps no object gets the first proposal's.

        Args:
            corners: (B, n, 8, 3) metres in INPUT.
        """
        overlap = overlaps(Ranges.of_corners(corners), Ranges.of_corners(self.corners), 1e-8)
        best, row = (overlap * self.is_object[:, None]).max(dim=-1)
        row = torch.where(best > 0, row, 0)
        return torch.gather(self.features, 1, row[..., None].expand(-1, -1, self.features.shape[2]))
