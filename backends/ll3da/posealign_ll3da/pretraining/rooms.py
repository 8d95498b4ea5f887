"""What is kept of a scanned room: its sampled points, its objects, and questions as tokens."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from posealign_core.config import load_backbone_config
from posealign_core.geometry import aabb_from_corners
from posealign_ll3da.encode.boxes import object_boxes
from posealign_ll3da.encode.encoder import Ll3daEncoder
from posealign_ll3da.plugin import SPEC
from posealign_rooms.catalogue import KINDS
from posealign_rooms.pretraining import ask_coordinates, draw_room, draw_size, look_at, scanned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample
    from posealign_ll3da.encode.clouds import PlacedCloud
    from posealign_rooms.pretraining import DrawnRoom, Row

__all__ = ["MAX_OBJECTS", "draw_rows", "questions_about", "room_encoder", "row_of"]

MAX_OBJECTS = 12
SPACING_M = 0.1
N_PLAIN, N_COORDINATE = 6, 4
_CLASSES = {kind: i for i, kind in enumerate(sorted(KINDS))}


@functools.cache
def room_encoder() -> Ll3daEncoder:
    """The encoder of the tiny preset."""
    return Ll3daEncoder(load_backbone_config(SPEC, "tiny", {"pretrained": False}))


def draw_rows(n_looks: int, rng: np.random.Generator) -> list[Row]:
    """Draw and scan a room of 2 to 12 objects, and ask about it from some places.

    Args:
        n_looks: From how many; a place that gives no question is left out.
        rng: The only source of randomness.

    Returns:
        One row for each look, at least one.
    """
    encoder = room_encoder()
    rows: list[Row] = []
    while not rows:
        layout = draw_room(rng, draw_size(rng, MAX_OBJECTS))
        scene = scanned(layout, SPACING_M, rng)
        for _ in range(n_looks):
            room = look_at(layout, scene, rng, n_questions=N_PLAIN)
            if room.samples:
                cloud = encoder.place(room.samples[0], train=True, rng=rng)
                rows.append(row_of(questions_about(room, cloud, rng), cloud, rng))
    return rows


def questions_about(
    room: DrawnRoom, cloud: PlacedCloud, rng: np.random.Generator
) -> list[AlignedSample]:
    """A room's own questions, and some about coordinates in the frame of the cloud."""
    objects = room.samples[0].scene.objects
    if objects is None:
        return room.samples
    centers = cloud.placement.points(objects.centers)
    return [
        *room.samples,
        *ask_coordinates(room.samples[0], room.layout, centers, rng, N_COORDINATE),
    ]


def row_of(
    samples: Sequence[AlignedSample], cloud: PlacedCloud, rng: np.random.Generator
) -> dict[str, NDArray[Any]]:
    """The compact form of a room that is encoded for training.

    Returns:
        `xyz` (N, 3), `channels` (N, 7) and `object` (N,) of the points, the object's row or -1;
        `boxes` (K, 6) and `classes` (K,) of the objects; `qformer`, `llm` and `answer` tokens of
        all questions on end, with `qformer_lengths` and `llm_lengths` (Q,); `prompts` (Q, 10): one
        number that says whether there is none (0), a box (1) or a click (2), then the box's centre
        and size, then the click.
    """
    first = samples[0]
    questions = room_encoder().describe(samples, cloud, train=True, rng=rng)["questions"]
    found = object_boxes(first, cloud.placement, "tight")
    row_of_object = {int(i): row for row, i in enumerate(found.object_ids)}
    instances = first.scene.instance_ids
    ids = np.full(len(cloud.rows), -1) if instances is None else instances[cloud.rows]
    labels = () if first.scene.objects is None else first.scene.objects.labels
    return {
        "xyz": cloud.xyz.numpy().astype(np.float16),
        "channels": cloud.channels.numpy().astype(np.float16),
        "object": np.array([row_of_object.get(i, -1) for i in ids.tolist()], dtype=np.int8),
        "boxes": found.boxes.astype(np.float16),
        "classes": np.array([_CLASSES[label] for label in labels], dtype=np.int8),
        **{
            name: torch.cat([q[name] for q in questions]).numpy().astype(np.int16)
            for name in ("qformer", "llm", "answer")
        },
        "qformer_lengths": np.array([len(q["qformer"]) for q in questions], dtype=np.int16),
        "llm_lengths": np.array([len(q["llm"]) for q in questions], dtype=np.int16),
        "prompts": np.stack([_prompt_numbers(q) for q in questions]),
        "n_objects": np.array(len(found.object_ids), dtype=np.uint8),
    }


def _prompt_numbers(question: dict[str, Any]) -> NDArray[np.float16]:
    numbers = np.zeros(10, dtype=np.float16)
    if question["box"] is not None:
        numbers[0], numbers[1:7] = 1, aabb_from_corners(question["box"].numpy())[0]
    if question["click"] is not None:
        numbers[0], numbers[7:] = 2, question["click"].numpy()
    return numbers
