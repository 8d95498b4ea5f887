"""A room's parts as flat arrays, for the ray caster."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posealign_rooms.furniture import Block, parts_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_rooms.furniture import Part
    from posealign_rooms.layout import Layout

__all__ = ["BLOCK", "CONE", "Solids", "solids_of"]

BLOCK, CONE = 0, 1


class Solids(NamedTuple):
    """Objects and parts of a room, in its axis-aligned frame; a tuple, so that it compiles.

    Attributes:
        boxes: (K, 6) lowest and highest corner of each object, metres.
        placement: (K, 5) x, y, z of each object's foot, cosine and sine of its yaw.
        first_part: (K + 1,) index of each object's first part, and the number of parts.
        shape: (P,) `BLOCK` or `CONE`.
        geometry: (P, 6) in the object's own axes: centre and half sides of a block; foot, height,
            lower and upper radius of a cone.
        rgb: (P, 3) colours 0-255.
        shell: (3,) width, depth and height of the room, metres.
    """

    boxes: NDArray[np.float64]
    placement: NDArray[np.float64]
    first_part: NDArray[np.int64]
    shape: NDArray[np.int64]
    geometry: NDArray[np.float64]
    rgb: NDArray[np.float64]
    shell: NDArray[np.float64]


def solids_of(layout: Layout) -> Solids:
    """Flatten a room."""
    parts = [parts_of(o) for o in layout.objects]
    flat = [(o, part) for o, own in zip(layout.objects, parts, strict=True) for part in own]
    boxes = layout.aligned_boxes
    half = boxes[:, 3:] / 2
    placement = [
        (*o.center[:2], o.center[2] - o.size[2] / 2, math.cos(o.yaw), math.sin(o.yaw))
        for o in layout.objects
    ]
    return Solids(
        boxes=np.concatenate([boxes[:, :3] - half, boxes[:, :3] + half], axis=1),
        placement=np.array(placement, dtype=np.float64).reshape(-1, 5),
        first_part=np.cumsum([0, *(len(own) for own in parts)]),
        shape=np.array([BLOCK if isinstance(p, Block) else CONE for _, p in flat], dtype=np.int64),
        geometry=np.array([_numbers(p) for _, p in flat], dtype=np.float64).reshape(-1, 6),
        rgb=np.array([np.array(o.rgb) * p.shade for o, p in flat]).reshape(-1, 3).clip(0, 255),
        shell=np.array([layout.width, layout.depth, layout.height]),
    )


def _numbers(part: Part) -> tuple[float, ...]:
    if isinstance(part, Block):
        return (*part.center, *(side / 2 for side in part.size))
    return (*part.foot, part.height, part.lower, part.upper)
