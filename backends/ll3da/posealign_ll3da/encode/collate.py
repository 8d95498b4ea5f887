"""From encoded items to a batch."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils.rnn import pad_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from posealign_core.backbone import Batch, Features

__all__ = ["collate", "stacked"]


def collate(
    items: Sequence[Features],
    join: Callable[[Sequence[Mapping[str, Tensor]]], Mapping[str, Any]],
    *,
    repeated: bool,
    llm_pad_id: int,
    qformer_pad_id: int,
) -> Batch:
    """Batch encoded items; their questions stand one after the other.

    Each distinct cloud is there once, with a digest that names it if it may come again.

    Args:
        items: Encoded with the same `train`.
        join: Puts the tensors of distinct clouds (`PlacedCloud.tensors`) into one input.
        repeated: Whether clouds of training come again; then they are named as well.
        llm_pad_id: Fills up the language model's words.
        qformer_pad_id: Fills up the Q-Former's words.
    """
    questions = [question for item in items for question in item["questions"]]
    clouds = _Clouds()
    of_question = [clouds.row(item["cloud"]) for item in items for _ in item["questions"]]
    detections = [q.get("detection") for q in questions]
    of_detection = [-1 if d is None else clouds.row(d) for d in detections]
    batch = {
        **join(clouds.parts),
        "cloud_of_question": torch.tensor(of_question),
        "poses": [item["pose"] for item in items for _ in item["questions"]],
        **_padded("qformer", [q["qformer"] for q in questions], qformer_pad_id),
        **_padded("llm", [q["llm"] for q in questions], llm_pad_id),
        **_optional("box", [q["box"] for q in questions], (8, 3)),
        **_optional("click", [q["click"] for q in questions], (3,)),
    }
    if "answer" in questions[0]:
        batch["answer"] = pad_sequence([q["answer"] for q in questions], True, False)
        batch["n_cut"] = sum(q["n_cut"] for q in questions)
        return batch | ({"cloud_digests": clouds.digests()} if repeated else {})
    further = ("kind", "grid", "placement", "choices", "sought")
    batch |= {name: [q.get(name) for q in questions] for name in further}
    return {
        **batch,
        "detection_cloud_of_question": torch.tensor(of_detection),
        "cloud_digests": clouds.digests(),
    }


def stacked(clouds: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """One input of clouds that have equally many points."""
    return {name: torch.stack([cloud[name] for cloud in clouds]) for name in clouds[0]}


class _Clouds:
    """Distinct clouds, told apart by where their coordinates are."""

    def __init__(self) -> None:
        self._rows: dict[int, int] = {}
        self.parts: list[Mapping[str, Tensor]] = []

    def row(self, cloud: Mapping[str, Tensor]) -> int:
        key = id(cloud["xyz"])
        if key not in self._rows:
            self._rows[key] = len(self.parts)
            self.parts.append(cloud)
        return self._rows[key]

    def digests(self) -> list[str]:
        return [_digest(part) for part in self.parts]


def _digest(cloud: Mapping[str, Tensor]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in cloud.values():
        digest.update(part.contiguous().numpy().data)
    return digest.hexdigest()


def _padded(name: str, rows: Sequence[Tensor], pad_id: int) -> dict[str, Tensor]:
    """(Q, L) ids, and which of them are no padding."""
    lengths = torch.tensor([len(row) for row in rows])
    ids = pad_sequence(list(rows), True, pad_id)
    return {f"{name}_ids": ids, f"{name}_mask": torch.arange(ids.shape[1]) < lengths[:, None]}


def _optional(
    name: str, values: Sequence[Tensor | None], shape: tuple[int, ...]
) -> dict[str, Tensor]:
    """(Q, 1, ...) values with zeros for None, and (Q, 1) which are there; (Q, 0) without any."""
    if all(value is None for value in values):
        n = len(values)
        return {name: torch.zeros(n, 0, *shape), f"{name}_valid": torch.zeros(n, 0).bool()}
    filled = [torch.zeros(shape) if value is None else value for value in values]
    valid = torch.tensor([[value is not None] for value in values])
    return {name: torch.stack(filled)[:, None], f"{name}_valid": valid}
