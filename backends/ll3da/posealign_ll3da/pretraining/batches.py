"""Training batches from rows of a bank, without a step of Python per room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from posealign_ll3da.model.cloud import CloudBatch
from posealign_ll3da.model.detection_loss import DetectionTargets
from posealign_rooms.pretraining import Ragged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from posealign_core.backbone import Batch

__all__ = ["TokenLabels", "clouds_of_rooms", "labels_of", "of_one_length", "targets_of", "words_of"]

_SIGNS = torch.tensor(
    [[x, y, z] for z in (-0.5, 0.5) for y in (-0.5, 0.5) for x in (-0.5, 0.5)], dtype=torch.float32
)


@dataclass(frozen=True, kw_only=True, eq=False)
class TokenLabels:
    """What the tokens of B rooms stand on.

    Attributes:
        inside: (B, K) bool, tokens on an object.
        kinds: (B, K) int64 of the object; any where not `inside`.
        tints: (B, K) int64 of the object; any where not `inside`.
        boxes: (B, K, 6) `[centre, size]` of the object, metres.
    """

    inside: Tensor
    kinds: Tensor
    tints: Tensor
    boxes: Tensor


def words_of(rooms: Mapping[str, Ragged], *, llm_pad_id: int, qformer_pad_id: int) -> Batch:
    """What the encoder's collation would make of some rooms of a bank, without their clouds."""
    prompts = rooms["prompts"].values.float()
    centers, sizes = prompts[:, None, 1:4], prompts[:, None, 4:7]
    return {
        "cloud_of_question": rooms["llm_lengths"].owners,
        "poses": [None] * len(prompts),
        **_words("qformer", _questions(rooms, "qformer", "qformer"), qformer_pad_id),
        **_words("llm", _questions(rooms, "llm", "llm"), llm_pad_id),
        "box": (centers + _SIGNS.to(sizes.device) * sizes)[:, None],
        "box_valid": prompts[:, :1] == 1,
        "click": prompts[:, None, 7:],
        "click_valid": prompts[:, :1] == 2,
        "answer": _questions(rooms, "answer", "llm").padded(0).bool(),
    }


def clouds_of_rooms(rooms: Mapping[str, Ragged]) -> CloudBatch:
    """The clouds of some rooms of a bank."""
    return CloudBatch(
        xyz=of_one_length(rooms["xyz"]).float(), features=of_one_length(rooms["channels"]).float()
    )


def targets_of(rooms: Mapping[str, Ragged]) -> DetectionTargets:
    """What the detector is to find in some rooms of a bank."""
    boxes = rooms["boxes"].padded(0).float()
    sizes = rooms["n_objects"].values.long()
    present = torch.arange(boxes.shape[1], device=boxes.device) < sizes[:, None]
    owner = of_one_length(rooms["object"]).long()
    rows = owner.clamp(min=0)[..., None].expand(-1, -1, 3)
    votes = boxes[..., :3].gather(1, rows) - of_one_length(rooms["xyz"]).float()
    return DetectionTargets(
        centers=boxes[..., :3],
        sizes=boxes[..., 3:],
        classes=rooms["classes"].padded(0).long(),
        present=present,
        votes=votes,
        has_vote=owner >= 0,
    )


def labels_of(rooms: Mapping[str, Ragged], owner: Tensor) -> TokenLabels:
    """What tokens stand on.

    Args:
        rooms: Some rooms of a bank.
        owner: (B, K) int64 object of each token, -1 for floor and walls.
    """
    rows = owner.clamp(min=0)
    boxes = rooms["boxes"].padded(0).float()
    return TokenLabels(
        inside=owner >= 0,
        kinds=rooms["classes"].padded(0).long().gather(1, rows),
        tints=rooms["tints"].padded(0).long().gather(1, rows),
        boxes=boxes.gather(1, rows[..., None].expand(-1, -1, 6)),
    )


def of_one_length(entry: Ragged) -> Tensor:
    """(R, N, ...) values of rows of one length."""
    return entry.values.reshape(len(entry), -1, *entry.values.shape[1:])


def _questions(rooms: Mapping[str, Ragged], name: str, lengths: str) -> Ragged:
    """The tokens of every question of every room."""
    return Ragged(rooms[name].values.long(), rooms[f"{lengths}_lengths"].values.long())


def _words(name: str, questions: Ragged, pad_id: int) -> dict[str, Any]:
    ids = questions.padded(pad_id)
    mask = torch.arange(ids.shape[1], device=ids.device) < questions.lengths[:, None]
    return {f"{name}_ids": ids, f"{name}_mask": mask}
