"""A bank whose rooms a frozen encoder has read, so that no step does it again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from posealign_core.errors import DataError
from posealign_ll3da.pretraining.batches import words_of
from posealign_ll3da.pretraining.tokens import looked_at
from posealign_ll3da_sonata.model.box_tokens import box_tokens
from posealign_ll3da_sonata.pretraining.encoder_task import owners_of, points_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from posealign_ll3da_sonata.model.network import SonataNetwork
    from posealign_rooms.pretraining import Ragged, RoomBank

__all__ = ["with_tokens"]

_OF_VOXELS = ("xyz", "features", "cells", "object")


def with_tokens(bank: RoomBank, network: SonataNetwork, batch_size: int) -> RoomBank:
    """The bank with scene tokens instead of voxels.

    Args:
        bank: The rooms, on the network's device.
        network: In evaluation mode.
        batch_size: Rooms that are read together.

    Returns:
        A bank as LL3DA's `with_tokens` makes it.

    Raises:
        DataError: A room has fewer voxels than tokens are wanted.
    """
    return looked_at(bank, partial(_seen, network=network), batch_size, dropped=_OF_VOXELS)


def _seen(rooms: Mapping[str, Ragged], network: SonataNetwork) -> dict[str, Tensor]:
    scene = network.encode(points_of(rooms))
    if scene.valid is not None and not scene.valid.all():
        n_least = int(scene.valid.sum(dim=1).min())
        raise DataError(
            f"rooms: wanted {scene.valid.shape[1]} tokens of each, found one of {n_least}; "
            "draw them with more points or larger"
        )
    batch = words_of(rooms, llm_pad_id=0, qformer_pad_id=0)
    of_questions = scene.of_scenes(batch["cloud_of_question"])
    return {
        "tokens": scene.tokens.half(),
        "token_xyz": scene.xyz.half(),
        "token_object": owners_of(rooms, scene).to(torch.int8),
        "extent": torch.stack([scene.extent.low, scene.extent.high], dim=1),
        "box_features": box_tokens(of_questions, batch["box"]).half(),
    }
