"""A bank whose rooms a frozen detector has looked at, so that no step does it again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from posealign_core.progress import progress_bar
from posealign_ll3da.model.cloud import Extent
from posealign_ll3da.model.scene import SceneFeatures
from posealign_ll3da.pretraining.batches import clouds_of_rooms, of_one_length, words_of
from posealign_ll3da.rows import rows_of
from posealign_rooms.pretraining import Ragged, RoomBank

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from torch import Tensor

    from posealign_ll3da.model.detector import Detector

__all__ = ["looked_at", "scenes_of", "with_tokens"]

_OF_POINTS = ("xyz", "channels", "object")


def with_tokens(bank: RoomBank, detector: Detector, batch_size: int) -> RoomBank:
    """The bank with what the detector makes of the points, and without these.

    Args:
        bank: The rooms, on the detector's device.
        detector: In evaluation mode.
        batch_size: Rooms that are looked at together.

    Returns:
        A bank with `tokens`, `token_xyz` and `token_object` of K tokens a room, `extent` (2, 3),
        and `box_features`, one for each question.
    """
    return looked_at(bank, partial(_seen, detector=detector), batch_size, dropped=_OF_POINTS)


@torch.no_grad()
def looked_at(
    bank: RoomBank,
    look: Callable[[Mapping[str, Ragged]], Mapping[str, Tensor]],
    batch_size: int,
    *,
    dropped: Collection[str],
) -> RoomBank:
    """The bank with what a frozen network makes of its rooms.

    Args:
        bank: The rooms.
        look: From some rooms to named values, equally many for each room or one for each question.
        batch_size: Rooms that are looked at together.
        dropped: Entries that are not needed any more.
    """
    parts: dict[str, list[Tensor]] = {}
    device = bank.entries["llm_lengths"].values.device
    with progress_bar() as bar:
        task = bar.add_task("looking", total=len(bank), note="")
        for rows in torch.split(torch.arange(len(bank), device=device), batch_size):
            for name, values in look(bank.rows_of(rows)).items():
                parts.setdefault(name, []).append(values.flatten(0, 1))
            bar.advance(task, len(rows))
    kept = {name: entry for name, entry in bank.entries.items() if name not in dropped}
    return RoomBank(kept | {name: _ragged(torch.cat(v), bank) for name, v in parts.items()})


def scenes_of(rooms: Mapping[str, Ragged]) -> SceneFeatures:
    """What the detector made of some rooms of such a bank."""
    extent = of_one_length(rooms["extent"])
    return SceneFeatures(
        tokens=of_one_length(rooms["tokens"]).float(),
        xyz=of_one_length(rooms["token_xyz"]).float(),
        extent=Extent(low=extent[:, 0], high=extent[:, 1]),
    )


def _seen(rooms: Mapping[str, Ragged], detector: Detector) -> dict[str, Tensor]:
    cloud = clouds_of_rooms(rooms)
    found = detector(cloud)
    batch = words_of(rooms, llm_pad_id=0, qformer_pad_id=0)
    proposals = rows_of(found.proposals, batch["cloud_of_question"])
    return {
        "tokens": found.scene.tokens.half(),
        "token_xyz": found.scene.xyz.half(),
        "token_object": of_one_length(rooms["object"]).gather(1, found.rows),
        "extent": torch.stack([cloud.extent.low, cloud.extent.high], dim=1),
        "box_features": proposals.features_of_boxes(batch["box"]).half(),
    }


def _ragged(values: Tensor, bank: RoomBank) -> Ragged:
    """Values of all rooms: one for each question, or equally many for each room."""
    questions = bank.entries["llm_lengths"].lengths
    if len(values) == int(questions.sum()):
        return Ragged(values, questions)
    return Ragged(values, torch.full_like(questions, len(values) // len(bank)))
