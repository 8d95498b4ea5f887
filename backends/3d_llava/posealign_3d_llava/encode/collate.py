"""From encoded items to a batch (specification section 1.5)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence

from posealign_3d_llava.model.cloud import PointCloudBatch
from posealign_3d_llava.model.special_tokens import IGNORE_INDEX
from posealign_core.language.packing import PADDING, PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from posealign_3d_llava.model.cloud import PointCloud
    from posealign_core.backbone import Batch, Features

__all__ = ["collate"]


def collate(items: Sequence[Features], *, pad_id: int, joint: bool) -> Batch:
    """Batch encoded items.

    Augmented clouds are all different and become one batch, item i about cloud i. Otherwise each
    distinct cloud stands alone, because the network's rounding at the border of the grid depends on
    what else is in a batch of clouds, and an answer must not; a digest names it, so that it is
    encoded once.

    Args:
        items: Encoded with the same `train`.
        pad_id: Fills up `input_ids`.
        joint: Whether the clouds become one batch.
    """
    clouds = [item["cloud"] for item in items]
    lengths = torch.tensor([len(item["input_ids"]) for item in items])
    width = max(int(item["cloud"].superpoint_ids.max()) + 1 for item in items)
    ids = pad_sequence([item["input_ids"] for item in items], True, pad_id)
    segments = [item["segments"] for item in items]
    packed = any(int(own.max()) > PREFIX + 1 for own in segments)
    prompts = [item["prompt_masks"] for item in items]
    batch: dict[str, Any] = {
        "input_ids": ids,
        "attention_mask": torch.arange(ids.shape[1]) < lengths[:, None],
        "prompt_masks": _padded(prompts, width),
        "item_of_prompt": _owners(prompts),
        # Questions of one sequence must not see each other; a single one sees all there is.
        "segments": pad_sequence(segments, True, PADDING) if packed else None,
        "poses": [item["pose"] for item in items],
        **({"cloud": PointCloudBatch.from_clouds(clouds)} if joint else _distinct(clouds)),
    }
    if "labels" not in items[0]:
        return {**batch, "choices": [item["choices"] for item in items]}
    targets = [item["targets"] for item in items]
    return {
        **batch,
        "labels": pad_sequence([item["labels"] for item in items], True, IGNORE_INDEX),
        "targets": _padded(targets, width),
        "item_of_target": _owners(targets),
    }


def _padded(masks: Sequence[Sequence[Tensor]], width: int) -> Tensor:
    """(M, width) bool of all masks of all items."""
    flat = [mask for own in masks for mask in own]
    out = torch.zeros(len(flat), width, dtype=torch.bool)
    for row, mask in enumerate(flat):
        out[row, : len(mask)] = mask
    return out


def _owners(masks: Sequence[Sequence[Tensor]]) -> Tensor:
    """(M,) int64 item of each mask."""
    return torch.arange(len(masks)).repeat_interleave(torch.tensor([len(own) for own in masks]))


def _distinct(clouds: Sequence[PointCloud]) -> dict[str, Any]:
    rows = {id(cloud): cloud for cloud in clouds}
    order = {key: row for row, key in enumerate(rows)}
    return {
        "clouds": [PointCloudBatch.from_clouds([cloud]) for cloud in rows.values()],
        "cloud_digests": [_digest(cloud) for cloud in rows.values()],
        "cloud_of_item": torch.tensor([order[id(cloud)] for cloud in clouds]),
    }


def _digest(cloud: PointCloud) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in (cloud.coords, cloud.colors, cloud.superpoint_ids, cloud.voxels):
        digest.update(part.contiguous().numpy().data)
    return digest.hexdigest()
