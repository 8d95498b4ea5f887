"""Egocentric questions: where things are relative to the asker, seen or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_rooms.catalogue import plural
from posealign_rooms.questions.facts import clearly_first
from posealign_rooms.questions.item import Family, Item
from posealign_rooms.questions.phrases import NUMBERS
from posealign_rooms.relations import Relation, Side, half_of_me, maybe_of_me, side_of_me

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posealign_rooms.viewpoint import Sight

__all__ = ["FAMILIES", "situations"]

NEAR_M = 2.2
"""Who stands closer than this to a thing stands near it, metres."""


def situations(sight: Sight, within_deg: float) -> list[Item]:
    """Sentences that say where the asker is; none of them says from which side.

    Args:
        sight: The room from the asker's viewpoint.
        within_deg: How far from the optical axis what they look at may be.
    """
    found = []
    for i in sorted(sight.looked_at):
        name = sight.layout.names[i]
        if name is None or sight.off_axis_deg[i] > within_deg:
            continue
        form = "near" if sight.distances[i] < NEAR_M else "away"
        found += [Item("facing", (name,)), Item(form, (name,))]
    return found


def _named(sight: Sight) -> list[tuple[int, str]]:
    return [(i, name) for i, name in enumerate(sight.layout.names) if name is not None]


def _half(sight: Sight) -> Iterator[Item]:
    for i, name in _named(sight):
        side = half_of_me(sight, i)
        if side is not None:
            yield Item("me_half", (name,), side.value, (i,), Relation(side, i, None))


def _where(sight: Sight) -> Iterator[Item]:
    for i, name in _named(sight):
        side = side_of_me(sight, i)
        # Nobody asks where the thing is that they are looking at.
        if side is not None and i not in sight.looked_at:
            yield Item("me_where", (name,), side.value, (i,), Relation(side, i, None))


def _is(sight: Sight) -> Iterator[Item]:
    for i, name in _named(sight):
        true_side = side_of_me(sight, i)
        for side in Side if true_side is not None else ():
            if side is true_side or not maybe_of_me(sight, side, i):
                answer = "yes" if side is true_side else "no"
                yield Item(f"me_is_{side.value}", (name,), answer, (i,))


def _closest(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    for side in Side:
        perhaps = [
            (sight.distances[i], i) for i in range(len(objects)) if maybe_of_me(sight, side, i)
        ]
        found = clearly_first(perhaps)
        if found is not None and side_of_me(sight, found) is side:
            relation = Relation(side, found, None)
            yield Item(f"me_closest_{side.value}", (), objects[found].kind, (found,), relation)


def _count(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    for kind in sorted({o.kind for o in objects}):
        members = [o.object_id for o in objects if o.kind == kind]
        halves = [half_of_me(sight, m) for m in members]
        if None in halves:
            continue
        for side in (Side.LEFT, Side.RIGHT):
            found = tuple(m for m, half in zip(members, halves, strict=True) if half is side)
            yield Item(f"me_count_{side.value}", (plural(kind),), NUMBERS[len(found)], found)


def _color(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    for kind in sorted({o.kind for o in objects}):
        members = [o.object_id for o in objects if o.kind == kind]
        halves = [half_of_me(sight, m) for m in members]
        for side in (Side.LEFT, Side.RIGHT) if None not in halves else ():
            found = [m for m, half in zip(members, halves, strict=True) if half is side]
            if len(found) == 1 and objects[found[0]].color:
                relation = Relation(side, found[0], None)
                answer = objects[found[0]].color
                yield Item(f"me_color_{side.value}", (kind,), answer, (found[0],), relation)


FAMILIES = tuple(
    Family(name, items, directional=True)
    for name, items in (
        ("left_or_right_of_me", _half),
        ("where_of_me", _where),
        ("is_beside_me", _is),
        ("closest_of_me", _closest),
        ("count_beside_me", _count),
        ("color_beside_me", _color),
    )
)
