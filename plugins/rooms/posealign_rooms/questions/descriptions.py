"""Descriptions that mean one object, or a set of objects, of the room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_rooms.catalogue import COLORS, KINDS, plural
from posealign_rooms.questions.facts import clearly_first, clearly_last, distance
from posealign_rooms.questions.from_here import anchors, ends, only_one
from posealign_rooms.questions.item import Family, Item
from posealign_rooms.relations import Relation, Side, maybe_of, side_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posealign_rooms.viewpoint import Sight

__all__ = ["AMONG_FAMILIES", "ONE_FAMILIES", "SET_FAMILIES"]


def _by_kind(sight: Sight) -> dict[str, list[int]]:
    objects = sight.layout.objects
    kinds = sorted({o.kind for o in objects})
    return {kind: [o.object_id for o in objects if o.kind == kind] for kind in kinds}


def _nouns(sight: Sight) -> Iterator[tuple[str, list[int]]]:
    """Nouns that several objects share, `"chair"` or `"red chair"`, and their objects."""
    objects = sight.layout.objects
    for kind, members in _by_kind(sight).items():
        if len(members) < 2:
            continue
        yield kind, members
        for color in sorted({objects[m].color for m in members} - {""}):
            alike = [m for m in members if objects[m].color == color]
            if len(alike) > 1:
                yield f"{color} {kind}", alike


# --- one object -----------------------------------------------------------------------------


def _name(sight: Sight) -> Iterator[Item]:
    for i in sorted(sight.central):
        name = sight.layout.names[i]
        if name == f"the {sight.layout.objects[i].kind}":
            yield Item("ref_name", (name,), targets=(i,))


def _color(sight: Sight) -> Iterator[Item]:
    for i in sorted(sight.central):
        described = sight.layout.objects[i]
        name = f"the {described.color} {described.kind}"
        if described.color and sight.layout.names[i] == name:
            yield Item("ref_color", (described.color, described.kind), targets=(i,))


def _distance(sight: Sight) -> Iterator[Item]:
    names = sight.layout.names
    for noun, members in _nouns(sight):
        for anchor, anchor_name in enumerate(names):
            if anchor_name is None or anchor in members:
                continue
            apart = [(distance(sight.layout, m, anchor), m) for m in members]
            for form, found in (("near", clearly_first(apart)), ("far", clearly_last(apart))):
                if found is not None and found in sight.central:
                    yield Item(f"ref_{form}", (noun, anchor_name), targets=(found,))


def _support(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    for noun, members in _nouns(sight):
        for i in members:
            base = objects[i].support
            name = None if base is None else sight.layout.names[base]
            if name is not None and i in sight.central:
                yield Item("ref_on", (noun, name), targets=(i,))


def _height(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    for noun, members in _nouns(sight):
        found = clearly_last([(objects[m].size[2], m) for m in members])
        if found is not None and found in sight.central:
            yield Item("ref_tallest", (noun,), targets=(found,))


def _beside(sight: Sight) -> Iterator[Item]:
    for noun, members in _nouns(sight):
        for anchor, anchor_name in anchors(sight):
            for side in Side if anchor not in members else ():
                found = only_one(sight, side, members, anchor)
                if found is not None and found in sight.central:
                    relation = Relation(side, found, anchor)
                    slots = (noun, anchor_name)
                    yield Item(f"ref_{side.value}", slots, targets=(found,), relation=relation)


def _end(sight: Sight) -> Iterator[Item]:
    for noun, members in _nouns(sight):
        for end, found in ends(sight, members).items():
            if found in sight.central:
                yield Item(f"ref_{end}", (noun,), targets=(found,))


# --- any number of objects ------------------------------------------------------------------


def _all(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    found = _by_kind(sight)
    for kind in sorted(set(found) | set(KINDS)):
        members = found.get(kind, [])
        yield Item("all_kind", (plural(kind),), targets=tuple(members))
        for color in COLORS if members and objects[members[0]].color else ():
            alike = tuple(m for m in members if objects[m].color == color)
            yield Item("all_color", (color, plural(kind)), targets=alike)


def _all_beside(sight: Sight) -> Iterator[Item]:
    for kind, members in _by_kind(sight).items():
        if not sight.in_view.issuperset(members):
            continue
        for anchor, anchor_name in anchors(sight):
            for side in Side if anchor not in members else ():
                clear = [m for m in members if side_of(sight, m, anchor) is side]
                if clear == [m for m in members if maybe_of(sight, side, m, anchor)]:
                    slots = (plural(kind), anchor_name)
                    relation = Relation(side, clear[0], anchor) if clear else None
                    yield Item(f"all_{side.value}", slots, "", tuple(clear), relation)


_SHARED = (
    Family("by_color", _color, directional=False),
    Family("by_distance", _distance, directional=False),
    Family("by_support", _support, directional=False),
    Family("by_height", _height, directional=False),
    Family("beside", _beside, directional=True),
    Family("end_of_row", _end, directional=True),
)
ONE_FAMILIES = (Family("by_name", _name, directional=False), *_SHARED)
"""Descriptions of one object."""
AMONG_FAMILIES = _SHARED
"""Descriptions that tell an object from others of its kind."""
SET_FAMILIES = (
    Family("all", _all, directional=False),
    Family("all_beside", _all_beside, directional=True),
)
"""Descriptions of no, one or many objects."""
