"""Questions that are answered by the room alone, wherever the asker stands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from posealign_rooms.catalogue import COLORS, KINDS, plural
from posealign_rooms.questions.item import Family, Item
from posealign_rooms.questions.phrases import NUMBERS, a

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posealign_rooms.layout import Layout
    from posealign_rooms.viewpoint import Sight

__all__ = ["FAMILIES", "clearly_first", "clearly_last", "distance"]

NEAR_M, FAR_M = 1.2, 2.2
"""Two objects are next to each other below the first and are not above the second, metres."""


def distance(layout: Layout, i: int, j: int) -> float:
    """Distance between the centres of two objects, metres."""
    return math.dist(layout.objects[i].center, layout.objects[j].center)


def clearly_first(values: list[tuple[float, int]]) -> int | None:
    """Id with the least value; None where there is none or the next is not clearly larger."""
    ranked = sorted(values)[:2]
    return ranked[0][1] if ranked and _apart(ranked) else None


def clearly_last(values: list[tuple[float, int]]) -> int | None:
    """Id with the largest value; None where there is none or the next is not clearly smaller."""
    ranked = sorted(values)[-2:]
    return ranked[-1][1] if ranked and _apart(ranked) else None


def _apart(ranked: list[tuple[float, int]]) -> bool:
    """Whether the larger of two values exceeds the smaller by a quarter and by 0.25 m."""
    small, large = ranked[0][0], ranked[-1][0]
    return len(ranked) < 2 or large >= max(1.25 * small, small + 0.25)


def _named(sight: Sight) -> list[tuple[int, str]]:
    """Ids and names of the objects in view that have a name of their own."""
    names = sight.layout.names
    return [(i, name) for i in sorted(sight.in_view) if (name := names[i]) is not None]


def _color(sight: Sight) -> Iterator[Item]:
    for i, name in _named(sight):
        room_object = sight.layout.objects[i]
        if room_object.color and name == f"the {room_object.kind}":
            yield Item("color", (name,), room_object.color, (i,))


def _count(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    for kind in sorted({o.kind for o in objects}):
        found = tuple(o.object_id for o in objects if o.kind == kind)
        yield Item("count", (plural(kind),), NUMBERS[len(found)], found)
        for color in sorted({o.color for o in objects if o.color}):
            of_color = tuple(i for i in found if objects[i].color == color)
            yield Item("count", (f"{color} {plural(kind)}",), NUMBERS[len(of_color)], of_color)


def _exists(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    kinds = {o.kind for o in objects}
    for kind in sorted(kinds | set(KINDS)):
        found = tuple(o.object_id for o in objects if o.kind == kind)
        yield Item("exists", (a(kind),), "yes" if found else "no", found)
        for color in COLORS if found and objects[found[0]].color else ():
            of_color = tuple(i for i in found if objects[i].color == color)
            yield Item("exists", (a(f"{color} {kind}"),), "yes" if of_color else "no", of_color)


def _nearest(sight: Sight) -> Iterator[Item]:
    layout = sight.layout
    for i, name in _named(sight):
        others = [(distance(layout, i, j), j) for j in range(len(layout.objects)) if j != i]
        found = clearly_first(others)
        if found is not None:
            yield Item("nearest", (name,), layout.objects[found].kind, (found,))


def _support(sight: Sight) -> Iterator[Item]:
    layout = sight.layout
    for room_object in layout.objects:
        base = room_object.support
        if base is None or room_object.object_id not in sight.in_view:
            continue
        on, under = layout.names[base], layout.names[room_object.object_id]
        if on is not None:
            yield Item("on", (on,), room_object.kind, (room_object.object_id,))
        if under is not None:
            yield Item("under", (under,), layout.objects[base].kind, (base,))


def _taller(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    named = _named(sight)
    for i, name in named:
        for j, other in named:
            one, two = objects[i].size[2], objects[j].size[2]
            if i == j or max(one, two) < 1.3 * min(one, two):
                continue
            taller = i if one > two else j
            if objects[i].kind != objects[j].kind:
                yield Item("taller", (name, other), objects[taller].kind, (taller,))
            yield Item("is_taller", (name, other), "yes" if taller == i else "no", (i,))


def _next_to(sight: Sight) -> Iterator[Item]:
    named = _named(sight)
    for i, name in named:
        for j, other in named:
            apart = distance(sight.layout, i, j)
            if i != j and not NEAR_M < apart < FAR_M:
                yield Item("next_to", (name, other), "yes" if apart <= NEAR_M else "no", (i,))


FAMILIES = tuple(
    Family(name, items, directional=False)
    for name, items in (
        ("color", _color),
        ("count", _count),
        ("exists", _exists),
        ("nearest", _nearest),
        ("support", _support),
        ("taller", _taller),
        ("next_to", _next_to),
    )
)
