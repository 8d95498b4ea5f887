"""Fills a room: free-standing groups in the middle, furniture along the walls, things on tables."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from posealign_core.errors import DataError
from posealign_rooms.catalogue import COLORS, KINDS, ON_TOP, SATELLITES, TABLES, WALLS
from posealign_rooms.layout import Group, Layout, RoomObject, aligned_from_world

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

__all__ = ["MAX_OBJECTS", "sample_layout"]

MAX_OBJECTS = 16
_T = TypeVar("_T")
_COLOR_NAMES = tuple(COLORS)
_ATTEMPTS = 40
_GAP = 0.05
"""Least distance between two objects, metres."""
_AISLE = 0.45
"""Least distance between the walls' furniture and the middle's, metres: people walk there."""


def sample_layout(rng: np.random.Generator, n_objects: int) -> Layout:
    """Furnish a room with exactly `n_objects` objects, none of which overlap.

    Args:
        rng: The only source of randomness.
        n_objects: From 1 to `MAX_OBJECTS`.

    Raises:
        DataError: `n_objects` is out of range.
    """
    if not 1 <= n_objects <= MAX_OBJECTS:
        raise DataError(f"layout: wanted 1 to {MAX_OBJECTS} objects, found {n_objects}")
    while True:
        room = _Furnisher(rng, n_objects)
        if room.furnish():
            return room.layout()


class _Furnisher:
    """One attempt; boxes of what is placed are compared along the room's axes."""

    def __init__(self, rng: np.random.Generator, n_objects: int) -> None:
        self.rng = rng
        self.n_objects = n_objects
        self.n_groups = 0 if n_objects < 3 else 1 if n_objects < 10 else 2
        side = 5.8 + 0.08 * n_objects
        self.width = side + rng.uniform(0.0, 1.6) + (2.4 if self.n_groups == 2 else 0.0)
        self.depth = side + rng.uniform(0.0, 1.6)
        self.objects: list[RoomObject] = []
        self.groups: list[Group] = []
        self.grouped_kinds: set[str] = set()

    def furnish(self) -> bool:
        """Place everything; False where the room is too full."""
        for i in range(self.n_groups):
            offset = 0.0 if self.n_groups == 1 else (i - 0.5) * self.width * 0.46
            if not self._place_group(offset):
                return False
        while len(self.objects) < self.n_objects:
            on_top = self.rng.random() < 0.3 and self._place_on_top()
            if not on_top and not self._place_at_wall():
                return False
        return True

    def layout(self) -> Layout:
        """The room with its ids shuffled, so that an id says nothing about its object."""
        order = self.rng.permutation(len(self.objects)).tolist()
        new_id = {old: new for new, old in enumerate(order)}
        objects = tuple(
            replace(
                self.objects[old],
                object_id=new,
                support=None if self.objects[old].support is None
                else new_id[self.objects[old].support],
            )
            for new, old in enumerate(order)
        )  # fmt: skip
        groups = tuple(
            Group(
                new_id[g.anchor],
                tuple((new_id[a], new_id[b]) for a, b in g.pairs),
                tuple(new_id[m] for m in g.members),
            )
            for g in self.groups
        )
        shift = tuple(self.rng.uniform((-4.0, -4.0, -0.1), (4.0, 4.0, 0.1)).tolist())
        return Layout(
            width=self.width,
            depth=self.depth,
            height=2.5,
            objects=objects,
            groups=groups,
            aligned_from_world=aligned_from_world(self.rng.uniform(-math.pi, math.pi), shift),
        )

    # --- groups -----------------------------------------------------------------------------

    def _place_group(self, along: float) -> bool:
        """An anchor, one pair of objects on opposite sides, perhaps a second pair crosswise."""
        rng = self.rng
        kind = self._pick([k for k in TABLES if k not in self.grouped_kinds])
        size = self._size(kind)
        yaw = math.pi / 2 * rng.integers(4) + rng.normal(0.0, 0.08)
        x, y = along + rng.uniform(-0.25, 0.25), rng.uniform(-0.25, 0.25)
        anchor = self._add(kind, self._color(), size, foot=(x, y, 0.0), yaw=yaw, gap=_AISLE)
        if anchor is None:
            return False
        self.grouped_kinds.add(kind)
        spare = self.n_objects - len(self.objects) - 3 * (self.n_groups - len(self.groups) - 1)
        axes = [0, 1] if spare >= 4 and rng.random() < 0.6 else [int(rng.integers(2))]
        pairs = [self._place_pair(self.objects[anchor], axis) for axis in axes]
        if None in pairs:
            return False
        found = tuple(pair for pair in pairs if pair is not None)
        members = (anchor, *(i for pair in found for i in pair))
        self.groups.append(Group(anchor, found, members))
        return True

    def _place_pair(self, anchor: RoomObject, axis: int) -> tuple[int, int] | None:
        """Two objects on opposite sides of the anchor: twins, twins of two colours, or unlike."""
        rng = self.rng
        free = [k for k in SATELLITES if k not in self.grouped_kinds]
        first = self._pick(free)
        unlike = rng.random() < 0.3
        second = self._pick([k for k in free if k != first]) if unlike else first
        self.grouped_kinds |= {first, second}
        color = self._color()
        other = color if rng.random() < 0.3 else self._color(but=color)
        size = self._size(first)
        placed = []
        for sign, kind, named in ((1.0, first, color), (-1.0, second, other)):
            own = size if kind == first else self._size(kind)
            reach = anchor.size[axis] / 2 + max(own[:2]) / 2 + rng.uniform(0.12, 0.35)
            turn = anchor.yaw + (0.0 if axis == 0 else math.pi / 2)
            x = anchor.center[0] + sign * reach * math.cos(turn)
            y = anchor.center[1] + sign * reach * math.sin(turn)
            facing = turn + sign * math.pi / 2 + rng.normal(0.0, 0.1)
            new = self._add(kind, named, own, foot=(x, y, 0.0), yaw=facing, gap=_GAP)
            if new is None:
                return None
            placed.append(new)
        return placed[0], placed[1]

    # --- walls and surfaces -----------------------------------------------------------------

    def _place_at_wall(self) -> bool:
        rng = self.rng
        allowed = [k for k in WALLS if k not in self.grouped_kinds or rng.random() < 0.15]
        anchors = {self.objects[g.anchor].kind for g in self.groups}
        for _ in range(_ATTEMPTS):
            kind = self._pick([k for k in allowed if k not in anchors])
            if kind in {"bed", "sofa"} and any(o.kind == kind for o in self.objects):
                continue
            size = self._size(kind)
            wall = int(rng.integers(4))
            run, off = (self.width, self.depth) if wall % 2 == 0 else (self.depth, self.width)
            along = rng.uniform(-0.5, 0.5) * (run - size[0] - 0.1)
            out = off / 2 - size[1] / 2 - 0.03
            # Wall 0 is at -y and looks towards +y; each next one is a quarter turn further.
            turn = math.pi / 2 * wall
            c, s = round(math.cos(turn)), round(math.sin(turn))
            x, y = c * along + s * out, s * along - c * out
            if (
                self._add(kind, self._color(), size, foot=(x, y, 0.0), yaw=turn, gap=_GAP)
                is not None
            ):
                return True
        return False

    def _place_on_top(self) -> bool:
        rng = self.rng
        taken = {o.support for o in self.objects}
        free = [o for o in self.objects if KINDS[o.kind].surface and o.object_id not in taken]
        kinds = [k for k in ON_TOP if k not in self.grouped_kinds]
        if not free or not kinds:
            return False
        base = self._pick(free)
        kind = self._pick(kinds)
        w, d, h = self._size(kind)
        if w > base.size[0] - 0.02 or d > base.size[1] - 0.02:
            return False
        slide = rng.uniform(-0.5, 0.5) * (base.size[0] - w - 0.02)
        x = base.center[0] + slide * math.cos(base.yaw)
        y = base.center[1] + slide * math.sin(base.yaw)
        top = base.size[2]
        self.objects.append(
            self._object(
                kind,
                self._color(),
                (w, d, h),
                foot=(x, y, top),
                yaw=base.yaw,
                support=base.object_id,
            )
        )
        return True

    # --- helpers ----------------------------------------------------------------------------

    def _add(
        self,
        kind: str,
        color: str,
        size: tuple[float, float, float],
        *,
        foot: tuple[float, float, float],
        yaw: float,
        gap: float,
    ) -> int | None:
        """Place an object with its foot's centre there, or return None where it does not fit."""
        new = self._object(kind, color, size, foot=foot, yaw=yaw)
        hx, hy = new.extent[0] / 2, new.extent[1] / 2
        x, y, _ = new.center
        if abs(x) + hx > self.width / 2 - 0.02 or abs(y) + hy > self.depth / 2 - 0.02:
            return None
        middle = {m for g in self.groups for m in g.members}
        for old in self.objects:
            keep = _AISLE if old.object_id in middle else gap
            ex, ey, _ = old.extent
            if (
                abs(x - old.center[0]) < hx + ex / 2 + keep
                and abs(y - old.center[1]) < hy + ey / 2 + keep
            ):
                return None
        self.objects.append(new)
        return new.object_id

    def _object(
        self,
        kind: str,
        color: str,
        size: tuple[float, float, float],
        *,
        foot: tuple[float, float, float],
        yaw: float,
        support: int | None = None,
    ) -> RoomObject:
        shade = self.rng.integers(-10, 11, 3).tolist()
        r, g, b = (min(max(c + s, 0), 255) for c, s in zip(COLORS[color], shade, strict=True))
        return RoomObject(
            object_id=len(self.objects),
            kind=kind,
            color=color,
            rgb=(r, g, b),
            center=(foot[0], foot[1], foot[2] + size[2] / 2),
            size=size,
            yaw=yaw,
            support=support,
        )

    def _size(self, kind: str) -> tuple[float, float, float]:
        ranges = KINDS[kind]
        u = self.rng.random(3).tolist()
        w, d, h = (
            low + t * (high - low)
            for t, (low, high) in zip(u, (ranges.width, ranges.depth, ranges.height), strict=True)
        )
        return (w, w if ranges.round else d, h)

    def _color(self, but: str = "") -> str:
        return self._pick([c for c in _COLOR_NAMES if c != but])

    def _pick(self, options: Sequence[_T]) -> _T:
        return options[int(self.rng.integers(len(options)))]
