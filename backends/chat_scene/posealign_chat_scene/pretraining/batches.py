"""Training batches from rows of a bank, without a step of Python per room."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch

from posealign_chat_scene.model.network import Row
from posealign_chat_scene.model.scene import SceneBatch
from posealign_core.language.packing import IGNORED, PADDING, PREFIX, positions_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from posealign_chat_scene.pretraining.appearances import Appearances
    from posealign_rooms.pretraining import Ragged

__all__ = ["BatchMaker", "TrainingBatch"]

_OFF_M = 0.02
"""Standard deviation of places; no question turns on less than ten times that."""


class TrainingBatch(NamedTuple):
    """What the network's loss takes."""

    row: Row
    targets: Tensor
    scene: SceneBatch


class BatchMaker:
    """Makes what the encoder's collation would make of a room whose objects are exchanged.

    Objects get other identifiers, the features of another object of their kind and colour, and
    places that are off by some centimetres.

    Args:
        appearances: Where features come from.
        first_identifier: Id of the first identifier.
        n_slots: How many there are.
        generator: Draws all this.
    """

    def __init__(
        self,
        appearances: Appearances,
        first_identifier: int,
        n_slots: int,
        generator: torch.Generator,
    ) -> None:
        self._appearances = appearances
        self._first = first_identifier
        self._n_slots = n_slots
        self._generator = generator

    def __call__(self, rooms: Mapping[str, Ragged]) -> TrainingBatch:
        """The batch of some rooms of a bank."""
        segments = rooms["segments"].padded(PADDING, left=True).long()
        order = rooms["order"].padded(0).long()
        noise = torch.rand(order.shape, device=order.device, generator=self._generator)
        moves = noise.argsort(dim=1)
        tokens = rooms["tokens"].padded(0, left=True).long()
        targets = rooms["targets"].padded(IGNORED, left=True).long()
        sizes = rooms["n_objects"].values.long()
        valid = torch.arange(self._n_slots, device=order.device) < sizes[:, None]
        looks = rooms["looks"].padded(0, width=self._n_slots).long()
        points, images = self._appearances.choose(looks, self._generator)
        centers = rooms["centers"].padded(0.0, width=self._n_slots)
        shift = torch.randn(centers.shape, device=order.device, generator=self._generator)
        scene = SceneBatch(
            points=points * valid[..., None],
            images=images * valid[..., None],
            centers=centers + _OFF_M * shift,
            valid=valid,
            order=torch.empty_like(order).scatter_(1, moves, order),
        )
        row = Row(self._renamed(tokens, moves, segments), segments, positions_of(segments))
        return TrainingBatch(row, self._renamed(targets, moves, segments), scene)

    def _renamed(self, ids: Tensor, moves: Tensor, segments: Tensor) -> Tensor:
        """Identifiers in questions and answers follow their objects; in the prefix they stay."""
        slots = ids - self._first
        is_identifier = (slots >= 0) & (slots < self._n_slots) & (segments > PREFIX)
        moved = moves.gather(1, slots.clamp(0, self._n_slots - 1)) + self._first
        return torch.where(is_identifier, moved, ids)
