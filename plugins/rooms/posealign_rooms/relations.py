"""What left, right, in front and behind mean, with margins that keep doubtful cases out.

Two readings, both in the level ego frame of the asker (x ahead, y to the left):

* of another object, seen from here: the direction from the anchor to the subject, across the view
  for left and right, along it for in front (nearer) and behind (farther);
* of me: the direction from the asker to the object.

A relation holds when the direction is inside a narrow sector, and is ruled out when it is outside a
wide one; whatever lies between is never asked about.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posealign_rooms.viewpoint import Sight

__all__ = [
    "REACH_M",
    "Relation",
    "Side",
    "half_of_me",
    "maybe_of",
    "maybe_of_me",
    "side_of",
    "side_of_me",
]

NARROW_DEG = 36.0
WIDE_DEG = 60.0
APART_M = 0.4
"""Least distance between the centres of two things that are put in relation, metres."""
REACH_M = 3.2
"""What is farther than this from an object is not thought of as beside it, metres."""
HALF_MARGIN_DEG = 20.0
"""Margin of plain left or right, on either side of straight ahead and straight behind."""


class Side(str, enum.Enum):
    """The four directions of a viewer."""

    LEFT = "left"
    RIGHT = "right"
    FRONT = "front"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Relation:
    """A claim that is true from one viewpoint.

    Attributes:
        side: Where the subject is.
        subject: Id of an object.
        anchor: Id of the object that the side refers to, or None for the asker.
    """

    side: Side
    subject: int
    anchor: int | None


# Seen from here, the nearer thing is in front; an asker's own front is straight ahead.
_OF_OBJECT_DEG = {Side.BEHIND: 0.0, Side.LEFT: 90.0, Side.FRONT: 180.0, Side.RIGHT: -90.0}
_OF_ME_DEG = {Side.FRONT: 0.0, Side.LEFT: 90.0, Side.BEHIND: 180.0, Side.RIGHT: -90.0}


def side_of(sight: Sight, subject: int, anchor: int) -> Side | None:
    """On which side of the anchor the subject clearly is, seen from here; None where in doubt."""
    distance, angle = _from_anchor(sight, subject, anchor)
    return _sector(angle, _OF_OBJECT_DEG) if APART_M <= distance <= REACH_M else None


def maybe_of(sight: Sight, side: Side, subject: int, anchor: int) -> bool:
    """Whether someone might say that the subject is on that side of the anchor."""
    _, angle = _from_anchor(sight, subject, anchor)
    return _between(angle, _OF_OBJECT_DEG[side]) <= WIDE_DEG


def side_of_me(sight: Sight, subject: int) -> Side | None:
    """On which of four sides of the asker the subject clearly is; None where in doubt."""
    if sight.distances[subject] < APART_M:
        return None
    return _sector(sight.bearings[subject], _OF_ME_DEG)


def maybe_of_me(sight: Sight, side: Side, subject: int) -> bool:
    """Whether someone might say that the subject is on that side of the asker."""
    return _between(sight.bearings[subject], _OF_ME_DEG[side]) <= WIDE_DEG


def half_of_me(sight: Sight, subject: int) -> Side | None:
    """Left or right of the asker's line of sight; None near straight ahead and straight behind."""
    bearing = sight.bearings[subject]
    if not HALF_MARGIN_DEG <= abs(bearing) <= 180.0 - HALF_MARGIN_DEG:
        return None
    return Side.LEFT if bearing > 0 else Side.RIGHT


def _from_anchor(sight: Sight, subject: int, anchor: int) -> tuple[float, float]:
    (sx, sy), (ax, ay) = sight.ego[subject], sight.ego[anchor]
    dx, dy = sx - ax, sy - ay
    return math.hypot(dx, dy), math.degrees(math.atan2(dy, dx))


def _between(a: float, b: float) -> float:
    return abs((a - b + 180.0) % 360.0 - 180.0)


def _sector(angle: float, centers: dict[Side, float]) -> Side | None:
    return next((s for s, c in centers.items() if _between(angle, c) <= NARROW_DEG), None)
