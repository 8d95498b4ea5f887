"""What is kept of a scanned room: its objects' features and places, and the tokens about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.encode.placement import place
from posealign_chat_scene.objects.proposals import own_objects
from posealign_core.vocabulary import EgoFrame
from posealign_rooms.pretraining import (
    ask_coordinates,
    draw_room,
    draw_size,
    look_at,
    scanned,
)

if TYPE_CHECKING:
    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_core.backbone import Features
    from posealign_core.structures import AlignedSample
    from posealign_rooms.pretraining import Row

__all__ = ["MAX_OBJECTS", "draw_rows", "rooms_from", "row_of"]

MAX_OBJECTS = 12
SPACING_M = 0.12
N_LOOKS = 8
"""Looks at a room from different places, in different frames and with other questions."""
N_PLAIN, N_COORDINATE = 6, 4
FRAMES = (None, EgoFrame.LEVEL, EgoFrame.LEVEL, EgoFrame.CAMERA)


def draw_rows(config: ChatSceneConfig, rng: np.random.Generator) -> list[Row]:
    """Draw and encode one room of 2 to 12 objects, seen from eight places.

    Args:
        config: Of the backbone.
        rng: The only source of randomness.

    Returns:
        A row per look. Of its K objects: `points`, `images` and `centers`; of the L tokens:
        `tokens`, `segments` and `targets`; of the slots: `order`.
    """
    encoder = ChatSceneEncoder(config)
    n_objects = draw_size(rng, MAX_OBJECTS)
    looks = rooms_from(rng, n_objects, n_looks=N_LOOKS)
    return [row_of(encoder.encode(samples, train=True, rng=rng)) for samples in looks]


def rooms_from(
    rng: np.random.Generator, n_objects: int, *, n_looks: int
) -> list[list[AlignedSample]]:
    """Draw a scanned room, and look at it from some places with questions of its own.

    Args:
        rng: The only source of randomness.
        n_objects: Objects of the room.
        n_looks: How many places.
    """
    layout = draw_room(rng, n_objects)
    scene = scanned(layout, SPACING_M, rng)
    looks: list[list[AlignedSample]] = []
    while len(looks) < n_looks:
        samples = look_at(layout, scene, rng, n_questions=N_PLAIN, frames=FRAMES).samples
        if samples:
            centers = place(samples[0], own_objects(samples[0])).centers
            samples += ask_coordinates(samples[0], layout, centers, rng, N_COORDINATE)
            looks.append(samples)
    return looks


def row_of(item: Features) -> Row:
    """The compact form of an encoded look at a room."""
    n = int(item["valid"].sum())
    return {
        "points": item["points"][:n].numpy().astype(np.float16),
        "images": item["images"][:n].numpy().astype(np.float16),
        "centers": item["centers"][:n].numpy(),
        "order": item["order"].numpy().astype(np.int8),
        "tokens": item["tokens"].numpy().astype(np.int16),
        "segments": item["segments"].numpy().astype(np.int8),
        "targets": item["targets"].numpy().astype(np.int16),
        "n_objects": np.array(n, dtype=np.uint8),
    }
