"""What is kept of a symbolic room: its objects, and the tokens of its questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from posealign_rooms.pretraining import ask_coordinates, draw_room, draw_size, look_at
from posealign_rooms.sampling import scene_of
from posealign_template.config import TemplateConfig
from posealign_template.encoder import TemplateEncoder
from posealign_template.tokens import PAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.backbone import Features
    from posealign_core.structures import AlignedSample
    from posealign_rooms.pretraining import Row

__all__ = ["MAX_OBJECTS", "draw_row", "sample_room"]

MAX_OBJECTS = 12
NAME_WORDS = 3
LENGTH = 176
"""Longest row; questions that do not fit are left out."""
N_PLAIN, N_COORDINATE = 6, 4
RENAMED = 0.2


def sample_room(rng: np.random.Generator, n_objects: int) -> list[AlignedSample]:
    """Draw a room with six questions of its own and up to four about coordinates.

    In small rooms there are fewer, or none.
    """
    layout = draw_room(rng, n_objects, renamed=RENAMED)
    samples = look_at(layout, scene_of(layout), rng, n_questions=N_PLAIN).samples
    if samples and samples[0].scene.objects is not None:
        centers = samples[0].scene.objects.centers
        samples += ask_coordinates(samples[0], layout, centers, rng, N_COORDINATE)
    return samples


def draw_row(rng: np.random.Generator) -> list[Row]:
    """Draw and encode a room of 2 to 12 objects.

    Returns:
        One row: `tokens` and `segments` (L,); `names` (K, 3) token ids and `attributes` (K, 9).
    """
    encoder = TemplateEncoder(TemplateConfig(pretrained=False))
    while True:
        samples = sample_room(rng, draw_size(rng, MAX_OBJECTS))
        while samples:
            item = encoder.encode(samples, train=True, rng=rng)
            if len(item["tokens"]) <= LENGTH:
                return [row_of(item)]
            samples.pop()


def row_of(item: Features) -> dict[str, NDArray[Any]]:
    """The compact form of an encoded room."""
    n_objects = len(item["attributes"])
    names = np.full((n_objects, NAME_WORDS), PAD, dtype=np.int16)
    for i, name in enumerate(item["names"]):
        names[i, : len(name)] = name.numpy()
    return {
        "tokens": item["tokens"].numpy().astype(np.int16),
        "segments": item["segments"].numpy().astype(np.int8),
        "names": names,
        "attributes": item["attributes"].numpy().astype(np.float16),
        "n_objects": np.array(n_objects, dtype=np.uint8),
    }
