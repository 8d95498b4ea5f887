"""What each kind of object is built of: a handful of boxes and truncated cones.

Parts are given as shares of the object's width, depth and height, in its own axes: x to its side,
y to its front, z up, origin at the middle of its foot. All parts of an object carry its colour, in
a few shades, so that the name of the colour holds for the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from posealign_rooms.layout import RoomObject

__all__ = ["Block", "Cone", "Part", "parts_of"]


@dataclass(frozen=True, slots=True)
class Block:
    """A box along the object's own axes.

    Attributes:
        center: Its centre, metres.
        size: Its sides, metres.
        shade: Factor on the object's colour.
    """

    center: tuple[float, float, float]
    size: tuple[float, float, float]
    shade: float


@dataclass(frozen=True, slots=True)
class Cone:
    """An upright truncated cone; equal radii make a cylinder.

    Attributes:
        foot: Centre of its lower disc, metres.
        height: Metres.
        lower: Radius below, metres.
        upper: Radius above, metres.
        shade: Factor on the object's colour.
    """

    foot: tuple[float, float, float]
    height: float
    lower: float
    upper: float
    shade: float


Part = Block | Cone


def parts_of(room_object: RoomObject) -> list[Part]:
    """The parts of an object in its own axes; together they fill its box."""
    builder = _BUILDERS.get(room_object.kind, _plain)
    return builder(_Builder(*room_object.size))


@dataclass(frozen=True, slots=True)
class _Builder:
    """Makes parts from shares of one object's size."""

    w: float
    d: float
    h: float

    def block(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        z: tuple[float, float],
        shade: float = 1.0,
    ) -> Block:
        """A box between shares: x and y from -0.5 to 0.5, z from 0 to 1."""
        ranges = ((x, self.w), (y, self.d), (z, self.h))
        center = tuple((low + high) / 2 * side for (low, high), side in ranges)
        size = tuple((high - low) * side for (low, high), side in ranges)
        return Block(center, size, shade)  # type: ignore[arg-type]

    def cone(
        self,
        z: tuple[float, float],
        lower: float,
        upper: float,
        shade: float = 1.0,
        at: tuple[float, float] = (0.0, 0.0),
    ) -> Cone:
        """A cone between shares of the height, radii as shares of half the width."""
        foot = (at[0] * self.w, at[1] * self.d, z[0] * self.h)
        half = self.w / 2
        return Cone(foot, (z[1] - z[0]) * self.h, lower * half, upper * half, shade)

    def legs(self, top: float, thick: float, shade: float = 0.7, out: float = 0.5) -> list[Part]:
        """Four legs, `thick` metres wide, up to a share of the height, `out` from the middle."""
        tx, ty = thick / self.w, thick / self.d
        return [
            self.block(x, y, (0.0, top), shade)
            for x in ((-out, tx - out), (out - tx, out))
            for y in ((-out, ty - out), (out - ty, out))
        ]


_FULL = (-0.5, 0.5)


def _plain(b: _Builder) -> list[Part]:
    return [b.block(_FULL, _FULL, (0.0, 1.0))]


def _table(b: _Builder) -> list[Part]:
    return [b.block(_FULL, _FULL, (0.93, 1.0)), *b.legs(0.93, 0.06, 0.8)]


def _desk(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, _FULL, (0.94, 1.0)),
        b.block((-0.5, -0.46), _FULL, (0.0, 0.94), 0.85),
        b.block((0.18, 0.5), _FULL, (0.0, 0.94), 0.9),
        b.block((-0.46, 0.18), (-0.5, -0.45), (0.35, 0.94), 0.75),
    ]


def _bed(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, (-0.5, -0.46), (0.0, 1.0), 0.75),
        b.block(_FULL, (-0.46, 0.5), (0.0, 0.3), 0.75),
        b.block((-0.48, 0.48), (-0.46, 0.49), (0.3, 0.55)),
        b.block((-0.42, -0.04), (-0.44, -0.26), (0.55, 0.68), 1.15),
        b.block((0.04, 0.42), (-0.44, -0.26), (0.55, 0.68), 1.15),
    ]


def _sofa(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, (-0.5, 0.5), (0.0, 0.4), 0.85),
        b.block(_FULL, (-0.5, -0.25), (0.4, 1.0)),
        b.block((-0.5, -0.4), (-0.25, 0.5), (0.4, 0.7), 0.95),
        b.block((0.4, 0.5), (-0.25, 0.5), (0.4, 0.7), 0.95),
        b.block((-0.39, -0.01), (-0.25, 0.48), (0.4, 0.55), 1.1),
        b.block((0.01, 0.39), (-0.25, 0.48), (0.4, 0.55), 1.1),
    ]


def _bench(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, (-0.5, 0.5), (0.88, 1.0)),
        b.block((-0.46, -0.38), (-0.45, 0.45), (0.0, 0.88), 0.8),
        b.block((0.38, 0.46), (-0.45, 0.45), (0.0, 0.88), 0.8),
    ]


def _chair(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, _FULL, (0.47, 0.54)),
        b.block(_FULL, (-0.5, -0.4), (0.54, 1.0), 0.95),
        *b.legs(0.47, 0.05),
    ]


def _armchair(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, _FULL, (0.0, 0.42), 0.85),
        b.block(_FULL, (-0.5, -0.25), (0.42, 1.0)),
        b.block((-0.5, -0.3), (-0.25, 0.5), (0.42, 0.68), 0.95),
        b.block((0.3, 0.5), (-0.25, 0.5), (0.42, 0.68), 0.95),
        b.block((-0.29, 0.29), (-0.25, 0.48), (0.42, 0.54), 1.1),
    ]


def _stool(b: _Builder) -> list[Part]:
    return [b.cone((0.86, 1.0), 1.0, 1.0), *b.legs(0.86, 0.05, 0.75, 0.34)]


def _lamp(b: _Builder) -> list[Part]:
    return [
        b.cone((0.0, 0.03), 0.75, 0.75, 0.7),
        b.cone((0.03, 0.74), 0.12, 0.12, 0.7),
        b.cone((0.72, 1.0), 1.0, 0.62, 1.05),
    ]


def _plant(b: _Builder) -> list[Part]:
    return [
        b.cone((0.0, 0.3), 0.5, 0.68, 0.7),
        b.cone((0.3, 0.55), 0.45, 1.0),
        b.cone((0.55, 0.8), 1.0, 0.7, 1.1),
        b.cone((0.8, 1.0), 0.7, 0.15, 1.15),
    ]


def _box(b: _Builder) -> list[Part]:
    return [
        b.block((-0.49, 0.49), (-0.49, 0.49), (0.0, 0.9), 0.95),
        b.block(_FULL, _FULL, (0.9, 1.0), 1.1),
    ]


def _trash_can(b: _Builder) -> list[Part]:
    return [b.cone((0.0, 0.94), 0.75, 0.95), b.cone((0.94, 1.0), 1.0, 1.0, 0.8)]


def _drawers(b: _Builder, n: int) -> list[Part]:
    """A body with n rows of drawer fronts that stand out a little."""
    step = 0.9 / n
    fronts = [
        b.block((-0.46, 0.46), (0.45, 0.5), (0.06 + i * step, 0.02 + (i + 1) * step), 1.1)
        for i in range(n)
    ]
    return [
        b.block(_FULL, (-0.5, 0.45), (0.0, 0.96), 0.9),
        b.block(_FULL, _FULL, (0.96, 1.0)),
        *fronts,
    ]


def _nightstand(b: _Builder) -> list[Part]:
    return _drawers(b, 2)


def _dresser(b: _Builder) -> list[Part]:
    return _drawers(b, 3)


def _cabinet(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, (-0.5, 0.44), (0.0, 0.97), 0.85),
        b.block(_FULL, _FULL, (0.97, 1.0)),
        b.block((-0.48, -0.01), (0.44, 0.5), (0.05, 0.94), 1.05),
        b.block((0.01, 0.48), (0.44, 0.5), (0.05, 0.94), 1.05),
    ]


def _bookshelf(b: _Builder) -> list[Part]:
    boards = [
        b.block((-0.46, 0.46), (-0.45, 0.5), (z, z + 0.025), 1.1) for z in (0.02, 0.25, 0.48, 0.71)
    ]
    return [
        b.block(_FULL, (-0.5, -0.45), (0.0, 1.0), 0.7),
        b.block((-0.5, -0.46), (-0.45, 0.5), (0.0, 1.0)),
        b.block((0.46, 0.5), (-0.45, 0.5), (0.0, 1.0)),
        b.block((-0.46, 0.46), (-0.45, 0.5), (0.975, 1.0)),
        *boards,
    ]


def _refrigerator(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, (-0.5, 0.44), (0.0, 1.0), 0.9),
        b.block(_FULL, (0.44, 0.49), (0.02, 0.6), 1.05),
        b.block(_FULL, (0.44, 0.49), (0.62, 1.0), 1.05),
        b.block((-0.42, -0.38), (0.49, 0.5), (0.3, 0.57), 0.6),
        b.block((-0.42, -0.38), (0.49, 0.5), (0.65, 0.8), 0.6),
    ]


def _monitor(b: _Builder) -> list[Part]:
    return [
        b.block((-0.25, 0.25), _FULL, (0.0, 0.05), 0.8),
        b.block((-0.06, 0.06), (-0.15, 0.15), (0.05, 0.3), 0.8),
        b.block(_FULL, (-0.18, 0.18), (0.25, 1.0)),
    ]


def _microwave(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, (-0.5, 0.46), (0.0, 1.0)),
        b.block((-0.46, 0.25), (0.46, 0.5), (0.1, 0.9), 0.6),
    ]


def _backpack(b: _Builder) -> list[Part]:
    return [
        b.block(_FULL, (-0.5, 0.2), (0.0, 0.9)),
        b.block((-0.36, 0.36), (0.2, 0.5), (0.05, 0.5), 0.8),
        b.block((-0.35, 0.35), (-0.4, 0.1), (0.9, 1.0), 0.9),
    ]


_BUILDERS: Final[dict[str, Callable[[_Builder], list[Part]]]] = {
    "table": _table,
    "desk": _desk,
    "bed": _bed,
    "sofa": _sofa,
    "bench": _bench,
    "chair": _chair,
    "armchair": _armchair,
    "stool": _stool,
    "lamp": _lamp,
    "plant": _plant,
    "box": _box,
    "trash can": _trash_can,
    "nightstand": _nightstand,
    "dresser": _dresser,
    "cabinet": _cabinet,
    "bookshelf": _bookshelf,
    "refrigerator": _refrigerator,
    "monitor": _monitor,
    "microwave": _microwave,
    "backpack": _backpack,
}
