"""What is kept of a scanned room: its points, what they are part of, and its conversations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_core.vocabulary import EgoFrame
from posealign_rooms.catalogue import COLORS, KINDS
from posealign_rooms.pretraining import (
    DrawnRoom,
    ask_coordinates,
    draw_room,
    draw_size,
    look_at,
    scanned,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_3d_llava.config import LlavaConfig
    from posealign_3d_llava.encode.clouds import PlacedCloud
    from posealign_core.backbone import Features
    from posealign_core.structures import AlignedSample
    from posealign_rooms.layout import Layout
    from posealign_rooms.pretraining import Row

__all__ = [
    "COLOR_NAMES",
    "KIND_NAMES",
    "MAX_OBJECTS",
    "NO_OBJECT",
    "coordinate_questions",
    "draw_rows",
    "rooms_from",
]

MAX_OBJECTS = 12
SPACING_M = 0.15
N_VIEWS = 3
"""Looks at a room from different places, in different frames and with other questions."""
N_PLAIN, N_COORDINATE = 7, 3
FRAMES: Final = (None, None, EgoFrame.LEVEL, EgoFrame.LEVEL, EgoFrame.CAMERA)
KIND_NAMES: Final = tuple(sorted(KINDS))
COLOR_NAMES: Final = tuple(COLORS)
NO_OBJECT = 255
"""Object of a superpoint of floor or wall."""


def draw_rows(config: LlavaConfig, rng: np.random.Generator) -> list[Row]:
    """Draw and encode one room of 2 to 12 objects, seen from three places.

    Args:
        config: Of the backbone.
        rng: The only source of randomness.

    Returns:
        A row per look. Of N points: `coords`, `colors`, `superpoint_ids`, `point_to_voxel`; of M
        voxels: `voxels`; of Q superpoints: `objects` (k for the k-th object of the room),
        `prompts` and `targets` (bit t is set where the superpoint is in mask t); of the K objects:
        `kinds`, `tints` and `centers` in INPUT; of the L tokens: `input_ids`, `labels` and
        `segments`; and the numbers `n_prompts`, `n_targets` and `n_objects`.
    """
    encoder = LlavaEncoder(config)
    rooms = rooms_from(rng, draw_size(rng, MAX_OBJECTS), n_views=N_VIEWS)
    return [_row(encoder, room, rng) for room in rooms]


def rooms_from(
    rng: np.random.Generator,
    n_objects: int,
    *,
    n_views: int = 1,
    spacing_m: float = SPACING_M,
    n_questions: int = N_PLAIN,
) -> list[DrawnRoom]:
    """Draw a scanned room, and look at it from some places with questions of its own."""
    layout = draw_room(rng, n_objects)
    scene = scanned(layout, spacing_m, rng)
    looks: list[DrawnRoom] = []
    while len(looks) < n_views:
        look = look_at(layout, scene, rng, n_questions=n_questions, frames=FRAMES)
        looks += [look] if look.samples else []
    return looks


def coordinate_questions(
    encoder: LlavaEncoder, room: DrawnRoom, rng: np.random.Generator, n: int
) -> list[AlignedSample]:
    """Up to n questions about where the model sees the objects of a room."""
    placed = encoder.place(room.samples, train=False, rng=rng)
    owners = _owners(room, placed)
    centers = _centers(placed, owners, len(room.layout.objects))
    return ask_coordinates(room.samples[0], room.layout, centers, rng, n)


def _row(encoder: LlavaEncoder, room: DrawnRoom, rng: np.random.Generator) -> Row:
    placed = encoder.place(room.samples, train=False, rng=rng)
    owners = _owners(room, placed)
    centers = _centers(placed, owners, len(room.layout.objects))
    samples = [*room.samples, *coordinate_questions(encoder, room, rng, N_COORDINATE)]
    order = rng.permutation(len(samples)).tolist()
    item = encoder.describe([samples[i] for i in order], placed, train=True, rng=rng)
    return {
        **_points(item),
        **_objects(room.layout, owners, centers, item),
        "input_ids": item["input_ids"].numpy().astype(np.int16),
        "labels": item["labels"].numpy().astype(np.int16),
        "segments": item["segments"].numpy().astype(np.int8),
    }


def _owners(room: DrawnRoom, placed: PlacedCloud) -> NDArray[np.int64]:
    """(N,) the object of each point."""
    instances = room.samples[0].scene.instance_ids
    if instances is None:
        raise TypeError("rooms: a scanned room has instances")
    return instances[placed.rows]


def _centers(
    placed: PlacedCloud, owners: NDArray[np.int64], n_objects: int
) -> NDArray[np.floating]:
    """(K, 3) middle of each object's box, where the model sees it."""
    coords = placed.cloud.coords.numpy()
    own = [coords[owners == k] for k in range(n_objects)]
    return np.stack([(points.min(axis=0) + points.max(axis=0)) / 2 for points in own])


def _points(item: Features) -> Row:
    cloud = item["cloud"]
    return {
        "coords": cloud.coords.numpy().astype(np.float16),
        "colors": ((cloud.colors + 1.0) * 127.5).round().numpy().astype(np.uint8),
        "superpoint_ids": cloud.superpoint_ids.numpy().astype(np.int16),
        "point_to_voxel": cloud.point_to_voxel.numpy().astype(np.int16),
        "voxels": cloud.voxels.numpy().astype(np.uint8),
    }


def _objects(
    layout: Layout, owners: NDArray[np.int64], centers: NDArray[np.floating], item: Features
) -> Row:
    ids = item["cloud"].superpoint_ids.numpy()
    of_superpoint = np.full(ids.max() + 1, NO_OBJECT, dtype=np.uint8)
    # All points of a superpoint belong to one object, so that its last one speaks for it.
    of_superpoint[ids] = np.where(owners < 0, NO_OBJECT, owners)
    return {
        "objects": of_superpoint,
        "kinds": np.array([KIND_NAMES.index(o.kind) for o in layout.objects], dtype=np.uint8),
        "tints": np.array([COLOR_NAMES.index(o.color) for o in layout.objects], dtype=np.uint8),
        "centers": centers.astype(np.float32),
        "prompts": _bits(item["prompt_masks"], len(of_superpoint)),
        "targets": _bits(item["targets"], len(of_superpoint)),
        "n_prompts": np.array(len(item["prompt_masks"]), dtype=np.uint8),
        "n_targets": np.array(len(item["targets"]), dtype=np.uint8),
        "n_objects": np.array(len(layout.objects), dtype=np.uint8),
    }


def _bits(masks: list[torch.Tensor], n_superpoints: int) -> NDArray[Any]:
    """(Q,) int16 whose bit t is mask t; a conversation has far fewer than 15."""
    bits = torch.zeros(n_superpoints, dtype=torch.int16)
    for t, mask in enumerate(masks):
        bits |= mask.to(torch.int16) << t
    array: NDArray[Any] = bits.numpy()
    return array
