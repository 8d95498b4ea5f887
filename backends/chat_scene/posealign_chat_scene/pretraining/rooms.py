"""What is kept of a drawn room: what stands where, and the tokens about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from posealign_chat_scene.config import ChatSceneConfig, ObjectsConfig
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.encode.placement import place
from posealign_chat_scene.objects.proposals import own_objects
from posealign_chat_scene.pretraining.appearances import looks_of
from posealign_core.vocabulary import EgoFrame
from posealign_rooms.pretraining import ask_coordinates, draw_room, draw_size, look_at
from posealign_rooms.sampling import scene_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.backbone import Features
    from posealign_core.structures import AlignedSample, Scene
    from posealign_rooms.layout import Layout
    from posealign_rooms.pretraining import Row

__all__ = ["MAX_OBJECTS", "draw_rows", "encoder_of", "looks_at", "row_of"]

MAX_OBJECTS = 12
N_LOOKS = 2
"""Looks at a room from different places, in different frames and with other questions."""
N_PLAIN, N_COORDINATE = 6, 6
FRAMES = (None, EgoFrame.LEVEL, EgoFrame.LEVEL, EgoFrame.CAMERA)


def encoder_of(config: ChatSceneConfig) -> ChatSceneEncoder:
    """An encoder that looks no features up: rooms are drawn without any."""
    return ChatSceneEncoder(replace(config, objects=ObjectsConfig()))


def draw_rows(encoder: ChatSceneEncoder, rng: np.random.Generator) -> list[Row]:
    """Draw and encode one room of 2 to 12 objects, seen from two places.

    Args:
        encoder: From `encoder_of`.
        rng: The only source of randomness.

    Returns:
        A row per look. Of its K objects: `looks` and `centers`; of the L tokens: `tokens`,
        `segments` and `targets`; of the slots: `order`.
    """
    layout = draw_room(rng, draw_size(rng, MAX_OBJECTS))
    looks = looks_at(layout, scene_of(layout), rng, n_looks=N_LOOKS)
    known = looks_of(layout)
    return [row_of(encoder.encode(samples, train=True, rng=rng), known) for samples in looks]


def looks_at(
    layout: Layout, scene: Scene, rng: np.random.Generator, *, n_looks: int
) -> list[list[AlignedSample]]:
    """Look at a room from some places with questions of its own.

    Args:
        layout: The room.
        scene: Its scene, symbolic or scanned.
        rng: The only source of randomness.
        n_looks: How many places.
    """
    looks: list[list[AlignedSample]] = []
    while len(looks) < n_looks:
        samples = look_at(layout, scene, rng, n_questions=N_PLAIN, frames=FRAMES).samples
        if samples:
            centers = place(samples[0], own_objects(samples[0]), ChatSceneConfig()).centers
            samples += ask_coordinates(samples[0], layout, centers, rng, N_COORDINATE)
            looks.append(samples)
    return looks


def row_of(item: Features, looks: NDArray[np.int16]) -> Row:
    """The compact form of an encoded look at a room of (K,) kinds and colours."""
    n = len(looks)
    return {
        "looks": looks,
        "centers": item["centers"][:n].numpy(),
        "order": item["order"].numpy().astype(np.int8),
        "tokens": item["tokens"].numpy().astype(np.int16),
        "segments": item["segments"].numpy().astype(np.int8),
        "targets": item["targets"].numpy().astype(np.int16),
        "n_objects": np.array(n, dtype=np.uint8),
    }
