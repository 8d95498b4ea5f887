"""Batches from rows of a bank, without a step of Python per room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from posealign_3d_llava.model.cloud import MIN_SPATIAL_SIZE, PointCloudBatch
from posealign_3d_llava.model.splicing import TextBatch
from posealign_3d_llava.pretraining.rooms import NO_OBJECT
from posealign_core.language.packing import IGNORED, PADDING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from posealign_rooms.pretraining import Ragged

    Rooms = Mapping[str, Ragged]

__all__ = ["SuperpointLabels", "clouds_of", "conversations_of", "labels_of", "masks_of"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SuperpointLabels:
    """What the superpoints of B rooms are, padded to Q.

    Attributes:
        inside: (B, Q) bool, superpoints of objects.
        owners: (B, Q) int64 object, counted through the batch; 0 where not `inside`.
        kinds: (B, Q) int64 of the object.
        tints: (B, Q) int64 of the object.
        centers: (B, Q, 3) of the object, metres, in INPUT.
        valid: (B, Q) bool.
    """

    inside: Tensor
    owners: Tensor
    kinds: Tensor
    tints: Tensor
    centers: Tensor
    valid: Tensor


def clouds_of(rooms: Rooms) -> PointCloudBatch:
    """The clouds, as `PointCloudBatch.from_clouds` joins them."""
    points, voxels = rooms["coords"], rooms["voxels"]
    scene_of_point = points.owners
    indices = torch.cat([voxels.owners[:, None], voxels.values.long()], dim=1)
    x, y, z = (max(s, MIN_SPATIAL_SIZE) for s in (indices[:, 1:].amax(0) + 1).tolist())
    return PointCloudBatch(
        coords=points.values.float(),
        colors=rooms["colors"].values.float() / 127.5 - 1.0,
        scene_of_point=scene_of_point,
        superpoint_ids=rooms["superpoint_ids"].values.long(),
        n_superpoints=tuple(rooms["objects"].lengths.tolist()),
        voxel_indices=indices.to(torch.int32),
        point_to_voxel=rooms["point_to_voxel"].values.long() + voxels.starts[scene_of_point],
        spatial_shape=(x, y, z),
    )


def labels_of(rooms: Rooms) -> SuperpointLabels:
    """What the network is to say about each superpoint."""
    own = rooms["objects"].padded(NO_OBJECT).long()
    lengths = rooms["objects"].lengths
    inside = own != NO_OBJECT
    owners = torch.where(inside, own + rooms["kinds"].starts[:, None], 0)
    return SuperpointLabels(
        inside=inside,
        owners=owners,
        kinds=rooms["kinds"].values.long()[owners],
        tints=rooms["tints"].values.long()[owners],
        centers=rooms["centers"].values[owners],
        valid=torch.arange(own.shape[1], device=own.device) < lengths[:, None],
    )


def conversations_of(rooms: Rooms) -> TextBatch:
    """The conversations, padded on the right."""
    ids, lengths = rooms["input_ids"].padded(0).long(), rooms["input_ids"].lengths
    return TextBatch(
        input_ids=ids,
        attention_mask=torch.arange(ids.shape[1], device=ids.device) < lengths[:, None],
        labels=rooms["labels"].padded(IGNORED).long(),
        segments=rooms["segments"].padded(PADDING).long(),
    )


def masks_of(rooms: Rooms, name: str) -> tuple[Tensor, Tensor]:
    """Masks (T, Q) bool of superpoints, and the room (T,) of each.

    Args:
        rooms: The rooms.
        name: `"prompts"` or `"targets"`.
    """
    bits, counts = rooms[name].padded(0).int(), rooms[f"n_{name}"].values.long()
    owners = torch.arange(len(counts), device=counts.device).repeat_interleave(counts)
    rank = torch.arange(len(owners), device=counts.device) - (counts.cumsum(0) - counts)[owners]
    return (bits[owners] >> rank[:, None] & 1).bool(), owners
