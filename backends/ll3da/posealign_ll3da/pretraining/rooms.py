"""What is kept of a scanned room: its sampled points, its objects, and questions as tokens."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from posealign_core.config import load_backbone_config
from posealign_core.geometry import aabb_from_corners
from posealign_core.vocabulary import EgoFrame
from posealign_ll3da.encode.boxes import object_boxes
from posealign_ll3da.encode.encoder import Ll3daEncoder
from posealign_ll3da.plugin import SPEC
from posealign_rooms.catalogue import COLORS, KINDS
from posealign_rooms.pretraining import ask_coordinates, draw_room, draw_size, look_at, scanned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample
    from posealign_ll3da.encode.clouds import DetectorCloud, PlacedCloud
    from posealign_ll3da.encode.questions import QuestionEncoder
    from posealign_rooms.layout import Layout
    from posealign_rooms.pretraining import DrawnRoom, Row

__all__ = [
    "COLOR_NAMES",
    "KIND_NAMES",
    "MAX_OBJECTS",
    "draw_rows",
    "draw_samples",
    "point_columns",
    "questions_about",
    "room_encoder",
    "row_of",
]

MAX_OBJECTS = 12
SPACING_M = 0.1
N_PLAIN, N_COORDINATE = 6, 4
KIND_NAMES: Final = tuple(sorted(KINDS))
COLOR_NAMES: Final = tuple(COLORS)
FRAMES: Final = (None, None, EgoFrame.LEVEL, EgoFrame.LEVEL, EgoFrame.CAMERA)
"""Frames that a room is shown in; one that is tilted is rarer."""


@functools.cache
def room_encoder() -> Ll3daEncoder:
    """The encoder of the tiny preset."""
    return Ll3daEncoder(load_backbone_config(SPEC, "tiny", {"pretrained": False}))


def point_columns(cloud: DetectorCloud) -> Row:
    """What is kept of a cloud: `xyz` (N, 3) and `channels` (N, 7)."""
    return {
        "xyz": cloud.xyz.numpy().astype(np.float16),
        "channels": cloud.channels.numpy().astype(np.float16),
    }


def draw_rows(
    n_looks: int,
    rng: np.random.Generator,
    encoder: QuestionEncoder[Any] | None = None,
    columns: Callable[[Any], Row] = point_columns,
) -> list[Row]:
    """Draw and scan a room of 2 to 12 objects, and ask about it from some places.

    Args:
        n_looks: From how many; a place that gives no question is left out.
        rng: The only source of randomness.
        encoder: Of the backbone that learns; the detector's where None.
        columns: What is kept of its clouds.

    Returns:
        One row for each look, at least one.
    """
    encoder = encoder or room_encoder()
    rows: list[Row] = []
    while not rows:
        for room in _looks(n_looks, rng):
            cloud = encoder.place(room.samples[0], train=True, rng=rng)
            samples = questions_about(room, cloud, rng)
            questions = encoder.describe(samples, cloud, train=True, rng=rng)["questions"]
            rows.append({**columns(cloud), **row_of(room.layout, samples[0], cloud, questions)})
    return rows


def draw_samples(
    rng: np.random.Generator, encoder: QuestionEncoder[Any] | None = None
) -> list[AlignedSample]:
    """Questions about one new room from one place, to be asked as an evaluation asks.

    Args:
        rng: The only source of randomness.
        encoder: Of the backbone that is asked; the detector's where None.
    """
    encoder = encoder or room_encoder()
    samples: list[AlignedSample] = []
    for room in _looks(1, rng):
        cloud = encoder.place(room.samples[0], train=False, rng=rng)
        samples += questions_about(room, cloud, rng)
    return samples


def _looks(n_looks: int, rng: np.random.Generator) -> list[DrawnRoom]:
    """One room from some places, without those that give no question."""
    layout = draw_room(rng, draw_size(rng, MAX_OBJECTS))
    scene = scanned(layout, SPACING_M, rng)
    looks = [look_at(layout, scene, rng, n_questions=N_PLAIN, frames=FRAMES)
             for _ in range(n_looks)]  # fmt: skip
    return [look for look in looks if look.samples]


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
    layout: Layout,
    first: AlignedSample,
    cloud: PlacedCloud,
    questions: Sequence[Mapping[str, Any]],
) -> dict[str, NDArray[Any]]:
    """The compact form of a room that is encoded for training, but for the points themselves.

    Args:
        layout: The room.
        first: One of its samples.
        cloud: Its cloud.
        questions: As `QuestionEncoder.describe` encodes them.

    Returns:
        `object` (N,) of the points, the object's row or -1; `boxes` (K, 6), `classes` (K,) and
        `tints` (K,) of the objects; `qformer`, `llm` and `answer` tokens of all questions on end,
        with `qformer_lengths` and `llm_lengths` (Q,); `prompts` (Q, 10): one number that says
        whether there is none (0), a box (1) or a click (2), then the box's centre and size, then
        the click.
    """
    found = object_boxes(first, cloud.placement, "tight")
    row_of_object = {int(i): row for row, i in enumerate(found.object_ids)}
    instances = first.scene.instance_ids
    ids = np.full(len(cloud.rows), -1) if instances is None else instances[cloud.rows]
    objects = [layout.objects[i] for i in found.object_ids.tolist()]
    return {
        "object": np.array([row_of_object.get(i, -1) for i in ids.tolist()], dtype=np.int8),
        "boxes": found.boxes.astype(np.float16),
        "classes": np.array([KIND_NAMES.index(o.kind) for o in objects], dtype=np.int8),
        "tints": np.array([COLOR_NAMES.index(o.color) for o in objects], dtype=np.int8),
        **{
            name: torch.cat([q[name] for q in questions]).numpy().astype(np.int16)
            for name in ("qformer", "llm", "answer")
        },
        "qformer_lengths": np.array([len(q["qformer"]) for q in questions], dtype=np.int16),
        "llm_lengths": np.array([len(q["llm"]) for q in questions], dtype=np.int16),
        "prompts": np.stack([_prompt_numbers(q) for q in questions]),
        "n_objects": np.array(len(found.object_ids), dtype=np.uint8),
    }


def _prompt_numbers(question: Mapping[str, Any]) -> NDArray[np.float16]:
    numbers = np.zeros(10, dtype=np.float16)
    if question["box"] is not None:
        numbers[0], numbers[1:7] = 1, aabb_from_corners(question["box"].numpy())[0]
    if question["click"] is not None:
        numbers[0], numbers[7:] = 2, question["click"].numpy()
    return numbers
