"""Questions about objects relative to each other, as seen from where the asker stands.

The subject is one that the asker looks at; the anchor is somewhere in the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_rooms.questions.facts import clearly_first, clearly_last
from posealign_rooms.questions.item import Family, Item
from posealign_rooms.relations import REACH_M, Relation, Side, maybe_of, side_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posealign_rooms.viewpoint import Sight

__all__ = ["FAMILIES", "anchors", "ends", "only_one", "stacked"]


def anchors(sight: Sight) -> list[tuple[int, str]]:
    """Ids and names of the objects that something can be said to be beside of."""
    names = sight.layout.names
    return [
        (i, name)
        for i in sorted(sight.in_view)
        if (name := names[i]) is not None and sight.layout.objects[i].support is None
    ]


def stacked(sight: Sight, i: int, j: int) -> bool:
    """Whether one of the two stands on the other."""
    objects = sight.layout.objects
    return objects[i].support == j or objects[j].support == i


def only_one(sight: Sight, side: Side, members: list[int], anchor: int) -> int | None:
    """The one member that is clearly on that side of the anchor while no other might be."""
    perhaps = [m for m in members if maybe_of(sight, side, m, anchor)]
    if len(perhaps) != 1 or side_of(sight, perhaps[0], anchor) is not side:
        return None
    return perhaps[0]


def ends(sight: Sight, members: list[int]) -> dict[str, int]:
    """The members at the ends of a row of things in view: leftmost, rightmost, nearest, farthest.

    An end is named only where it is clear of the next one.
    """
    if len(members) < 2 or not sight.in_view.issuperset(members):
        return {}
    across = sorted((-sight.ego[m][1], m) for m in members)
    found = {}
    if across[1][0] - across[0][0] >= 0.5:
        found["leftmost"] = across[0][1]
    if across[-1][0] - across[-2][0] >= 0.5:
        found["rightmost"] = across[-1][1]
    away = [(sight.distances[m], m) for m in members]
    for end, member in (("nearest_me", clearly_first(away)), ("farthest_me", clearly_last(away))):
        if member is not None:
            found[end] = member
    return found


def _pairs(sight: Sight) -> Iterator[tuple[int, str, int, str]]:
    """Subject and anchor, with their names."""
    names = sight.layout.names
    for anchor, anchor_name in anchors(sight):
        for subject in sorted(sight.central):
            name = names[subject]
            if name is not None and subject != anchor and not stacked(sight, subject, anchor):
                yield subject, name, anchor, anchor_name


def _lateral_and_depth(sight: Sight) -> Iterator[Item]:
    for subject, name, anchor, anchor_name in _pairs(sight):
        side = side_of(sight, subject, anchor)
        if side is not None:
            form = "lateral" if side in {Side.LEFT, Side.RIGHT} else "depth"
            relation = Relation(side, subject, anchor)
            yield Item(form, (name, anchor_name), side.value, (subject,), relation)


def _is(sight: Sight) -> Iterator[Item]:
    for subject, name, anchor, anchor_name in _pairs(sight):
        true_side = side_of(sight, subject, anchor)
        if true_side is None:
            continue
        relation = Relation(true_side, subject, anchor)
        for side in Side:
            if side is true_side or not maybe_of(sight, side, subject, anchor):
                answer = "yes" if side is true_side else "no"
                form = f"is_{side.value}"
                yield Item(form, (name, anchor_name), answer, (subject,), relation)


def _what(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    for anchor, anchor_name in anchors(sight):
        near = [
            o.object_id
            for o in objects
            if o.object_id != anchor
            and not stacked(sight, o.object_id, anchor)
            and _apart(sight, o.object_id, anchor) <= REACH_M
        ]
        for side in Side:
            found = only_one(sight, side, near, anchor)
            if found in sight.central and found is not None:
                relation = Relation(side, found, anchor)
                form = f"what_{side.value}"
                yield Item(form, (anchor_name,), objects[found].kind, (found,), relation)


def _apart(sight: Sight, i: int, j: int) -> float:
    (xi, yi), (xj, yj) = sight.ego[i], sight.ego[j]
    return float(((xi - xj) ** 2 + (yi - yj) ** 2) ** 0.5)


def _several(sight: Sight) -> dict[str, list[int]]:
    """Kinds with two objects or more, and their ids."""
    objects = sight.layout.objects
    kinds = sorted({o.kind for o in objects})
    found = {kind: [o.object_id for o in objects if o.kind == kind] for kind in kinds}
    return {kind: ids for kind, ids in found.items() if len(ids) > 1}


def _color(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    for kind, members in _several(sight).items():
        for end in ("leftmost", "rightmost"):
            found = ends(sight, members).get(end)
            if found in sight.central and found is not None and objects[found].color:
                yield Item(f"color_{end}", (kind,), objects[found].color, (found,))
        for anchor, anchor_name in anchors(sight):
            if anchor in members:
                continue
            for side in Side:
                found = only_one(sight, side, members, anchor)
                if found in sight.central and found is not None and objects[found].color:
                    relation = Relation(side, found, anchor)
                    slots = (kind, anchor_name)
                    yield Item(
                        f"color_{side.value}", slots, objects[found].color, (found,), relation
                    )


def _closer_to_me(sight: Sight) -> Iterator[Item]:
    objects = sight.layout.objects
    named = [(i, n) for i in sorted(sight.central) if (n := sight.layout.names[i]) is not None]
    for i, name in named:
        for j, other in named:
            if objects[i].kind == objects[j].kind or stacked(sight, i, j):
                continue
            closer = clearly_first([(sight.distances[i], i), (sight.distances[j], j)])
            if closer is not None:
                yield Item("closer_to_me", (name, other), objects[closer].kind, (closer,))


FAMILIES = tuple(
    Family(name, items, directional=True)
    for name, items in (
        ("left_or_right_of", _lateral_and_depth),
        ("is_beside", _is),
        ("what_beside", _what),
        ("color_beside", _color),
        ("closer_to_me", _closer_to_me),
    )
)
