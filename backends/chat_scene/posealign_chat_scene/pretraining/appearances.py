"""How things look: features of many scanned objects, by kind and colour.

A drawn room names what stands where; how each object looks is chosen anew whenever the room is met,
among scanned objects of that kind and colour. So no room can be known by its features, and rooms
need no scan of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from posealign_chat_scene.objects.tiny import tiny_features
from posealign_core.errors import DataError
from posealign_rooms.catalogue import COLORS, KINDS
from posealign_rooms.mesh import mesh_of
from posealign_rooms.pretraining import draw_room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from posealign_rooms.layout import Layout
    from posealign_rooms.pretraining import Ragged, Row

__all__ = ["N_LOOKS_APART", "Appearances", "draw_objects", "looks_of"]

N_LOOKS_APART = len(KINDS) * len(COLORS)
"""Pairs of a kind and a colour."""
_N_OBJECTS = 12
_SPACINGS_M = (0.04, 0.1)
"""Bounds of the distance between scanned points: sets of rooms differ in it."""


def looks_of(layout: Layout) -> NDArray[np.int16]:
    """(K,) number of each object's kind and colour, below `N_LOOKS_APART`."""
    kinds, colors = list(KINDS), list(COLORS)
    numbers = [kinds.index(o.kind) * len(colors) + colors.index(o.color) for o in layout.objects]
    return np.array(numbers, np.int16)


def draw_objects(rng: np.random.Generator) -> list[Row]:
    """Scan a room for the looks of its objects: one row with `looks`, `points` and `images`."""
    layout = draw_room(rng, _N_OBJECTS)
    mesh = mesh_of(layout, rng.uniform(*_SPACINGS_M), rng)
    points = layout.aligned_from_world.apply(mesh.vertices.astype(np.float64))
    members = [np.flatnonzero(mesh.instance_ids == o.object_id) for o in layout.objects]
    known = tiny_features(points, mesh.colors, members)
    return [
        {
            "looks": looks_of(layout),
            "points": known.points.astype(np.float16),
            "images": known.images.astype(np.float16),
            "n_objects": np.array(len(known.points), np.uint8),
        }
    ]


class Appearances:
    """Scanned objects, on the training device.

    Args:
        entries: Of a bank that `draw_objects` filled.

    Raises:
        DataError: A kind of object is missing in one of the colours.
    """

    def __init__(self, entries: Mapping[str, Ragged]) -> None:
        looks = entries["looks"].values.long()
        order = looks.argsort(stable=True)
        self._points = entries["points"].values[order]
        self._images = entries["images"].values[order]
        self._counts = looks.bincount(minlength=N_LOOKS_APART)
        self._starts = self._counts.cumsum(0) - self._counts
        n_missing = int((self._counts == 0).sum())
        if n_missing:
            raise DataError(
                f"scanned objects: wanted all {N_LOOKS_APART} pairs of a kind and a colour, found "
                f"{N_LOOKS_APART - n_missing}; scan more rooms"
            )

    def choose(self, looks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Features (..., D3) and (..., D2) of an object for each of `looks` (...), at random."""
        chance = torch.rand(looks.shape, device=looks.device, generator=generator)
        counts = self._counts[looks]
        rows = self._starts[looks] + (chance * counts).long().clamp(max=counts - 1)
        return self._points[rows].float(), self._images[rows].float()
