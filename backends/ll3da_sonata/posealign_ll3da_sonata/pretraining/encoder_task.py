"""What encoder and adapter learn: tokens that say what they stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from posealign_ll3da.pretraining.batches import labels_of
from posealign_ll3da.pretraining.token_heads import TokenHeads
from posealign_ll3da_sonata.ptv3.points import PointBatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from posealign_ll3da.model.scene import SceneFeatures
    from posealign_ll3da_sonata.model.network import SonataNetwork
    from posealign_rooms.pretraining import Ragged

__all__ = ["EncoderTask", "owners_of", "points_of"]

_FAR_M = 1e4


class EncoderTask(nn.Module):
    """Losses on scene tokens; the heads are not kept.

    Args:
        network: Whose encoder and adapter learn.
        width: Channels of a scene token.
    """

    def __init__(self, network: SonataNetwork, width: int) -> None:
        super().__init__()
        self.network = network
        self.heads = TokenHeads(width)

    def forward(self, rooms: Mapping[str, Ragged]) -> dict[str, Tensor]:
        """Named losses of some rooms of a bank."""
        scene = self.network.encode(points_of(rooms))
        losses: dict[str, Tensor] = self.heads(scene, labels_of(rooms, owners_of(rooms, scene)))
        return losses


def points_of(rooms: Mapping[str, Ragged]) -> PointBatch:
    """The voxels of some rooms of a bank."""
    return PointBatch(
        features=rooms["features"].values.float(),
        coords=rooms["xyz"].values.float(),
        cells=rooms["cells"].values.long(),
        counts=tuple(rooms["xyz"].lengths.tolist()),
    )


def owners_of(rooms: Mapping[str, Ragged], scene: SceneFeatures) -> Tensor:
    """(B, K) int64 object of the voxel that each token stands nearest to, -1 for floor and walls.

    Args:
        rooms: Some rooms of a bank.
        scene: Their tokens.
    """
    xyz = rooms["xyz"].padded(_FAR_M).float()
    nearest = torch.cdist(scene.xyz, xyz).argmin(dim=2)
    return rooms["object"].padded(-1).long().gather(1, nearest)
