"""What the detector learns: boxes, and tokens that say what they stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_ll3da.model.boxes import Ranges, overlaps
from posealign_ll3da.pretraining.batches import (
    clouds_of_rooms,
    labels_of,
    of_one_length,
    targets_of,
)
from posealign_ll3da.pretraining.token_heads import TokenHeads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from posealign_ll3da.model.detector import Detector
    from posealign_rooms.pretraining import Ragged, RoomBank

__all__ = ["DetectorTask", "share_detected"]

DETECTION_WEIGHT = 0.1


class DetectorTask(nn.Module):
    """Losses on boxes, and on scene tokens; the heads on tokens are not kept.

    The published loss alone would teach tokens colours by chance only.

    Args:
        detector: What learns.
    """

    def __init__(self, detector: Detector, width: int) -> None:
        super().__init__()
        self.detector = detector
        self.heads = TokenHeads(width)

    def forward(self, rooms: Mapping[str, Ragged]) -> dict[str, Tensor]:
        """Named losses of some rooms of a bank."""
        cloud = clouds_of_rooms(rooms)
        found = self.detector(cloud)
        detection = self.detector.criterion(
            found.layers,
            cloud.extent,
            targets_of(rooms),
            vote_xyz=found.votes.vote_xyz,
            seed_xyz=found.scene.xyz,
            seed_rows=found.rows,
        )
        owner = of_one_length(rooms["object"]).long().gather(1, found.rows)
        return {
            "detection": DETECTION_WEIGHT * detection.total,
            **self.heads(found.scene, labels_of(rooms, owner)),
        }


@torch.no_grad()
def share_detected(detector: Detector, bank: RoomBank, batch_size: int = 64) -> float:
    """Share of objects for which some proposal has the right class and a quarter of the box.

    Args:
        detector: In evaluation mode.
        bank: Rooms, on its device.
        batch_size: Rooms that are looked at together.
    """
    device = next(detector.parameters()).device
    found, n_objects = 0, 0
    for rows in torch.split(torch.arange(len(bank), device=device), batch_size):
        rooms = bank.rows_of(rows)
        proposals, targets = detector(clouds_of_rooms(rooms)).proposals, targets_of(rooms)
        predicted = Ranges.of_corners(proposals.corners)
        half = targets.sizes / 2
        true = Ranges(targets.centers - half, targets.centers + half)
        same = proposals.class_logits.argmax(-1)[:, None] == targets.classes[..., None]
        good = same & (overlaps(true, predicted, 1e-8) >= 0.25)
        found += int((good.any(-1) & targets.present).sum())
        n_objects += int(targets.present.sum())
    return found / max(n_objects, 1)
