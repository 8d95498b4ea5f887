"""Questions about the numbers themselves: which object has the larger y, in the input frame.

They teach a small model to compare places along an axis, as a language model that has read about
coordinates can; no word for a direction occurs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from posealign_core.vocabulary import TaskKind
from posealign_rooms.catalogue import plural

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample
    from posealign_rooms.layout import Layout

__all__ = ["WORDS", "ask_coordinates"]

WORDS: Final = (
    "x",
    "y",
    "z",
    "with",
    "larger",
    "smaller",
    "largest",
    "smallest",
    "has",
    "positive",
)
"""Words that the rooms do not use."""

_APART_M = 0.4
"""Least difference between two numbers that are compared, metres."""


class _Asked(NamedTuple):
    text: str
    answer: str
    targets: tuple[int, ...]


@dataclass(frozen=True)
class _Axis:
    """The objects' coordinates along one axis, and which objects have a name of their own."""

    layout: Layout
    name: str
    values: NDArray[np.floating]
    named: list[int]

    def of_kind(self, kind: str) -> list[int]:
        """Ids of all objects of a kind."""
        return [o.object_id for o in self.layout.objects if o.kind == kind]

    def lead(self, i: int, j: int) -> float:
        """By how much object i is ahead of object j, metres."""
        return float(self.values[i] - self.values[j])


def ask_coordinates(
    sample: AlignedSample,
    layout: Layout,
    centers: NDArray[np.floating],
    rng: np.random.Generator,
    n: int,
) -> list[AlignedSample]:
    """Ask up to n questions about the coordinates of a room's objects.

    Args:
        sample: A sample of the room.
        layout: The room, for the names of its objects.
        centers: (K, 3) where the objects are in the frame that the model is shown, metres.
        rng: The only source of randomness.
        n: How many to try; a doubtful one is dropped.
    """
    named = [i for i, name in enumerate(layout.names) if name is not None]
    if len(named) < 2:
        return []
    asked = []
    for _ in range(n):
        k = int(rng.choice(3, p=(0.4, 0.4, 0.2)))
        axis = _Axis(layout, "xyz"[k], centers[:, k], named)
        found = _FORMS[rng.integers(len(_FORMS))](axis, rng)
        if found is not None:
            asked.append(_sample(sample, found))
    return asked


def _sample(sample: AlignedSample, asked: _Asked) -> AlignedSample:
    query = replace(
        sample.query,
        kind=TaskKind.ANSWER if asked.answer else TaskKind.GROUND,
        text=asked.text,
        situation="",
        references=(asked.answer,) if asked.answer else (),
        target_ids=asked.targets,
        region=None,
        extra={"family": "coordinates"},
    )
    return replace(sample, query=query, region=None)


def _which(axis: _Axis, rng: np.random.Generator) -> _Asked | None:
    i, j = rng.choice(axis.named, 2, replace=False)
    kinds = axis.layout.objects[i].kind, axis.layout.objects[j].kind
    if abs(axis.lead(i, j)) < _APART_M or kinds[0] == kinds[1]:
        return None
    names = axis.layout.names
    best = 0 if axis.lead(i, j) > 0 else 1
    return _Asked(f"which has the larger {axis.name}, {names[i]} or {names[j]}?", kinds[best], ())


def _is(axis: _Axis, rng: np.random.Generator) -> _Asked | None:
    i, j = rng.choice(axis.named, 2, replace=False)
    if abs(axis.lead(i, j)) < _APART_M:
        return None
    names, answer = axis.layout.names, "yes" if axis.lead(i, j) > 0 else "no"
    return _Asked(f"is the {axis.name} of {names[i]} larger than {names[j]}?", answer, ())


def _sign(axis: _Axis, rng: np.random.Generator) -> _Asked | None:
    i = int(rng.choice(axis.named))
    if abs(axis.values[i]) < _APART_M:
        return None
    answer = "yes" if axis.values[i] > 0 else "no"
    return _Asked(f"is the {axis.name} of {axis.layout.names[i]} positive?", answer, ())


def _extreme(axis: _Axis, rng: np.random.Generator) -> _Asked | None:
    """The one of several alike, or of all objects, that is farthest out."""
    kind = axis.layout.objects[rng.integers(len(axis.values))].kind
    members = axis.of_kind(kind)
    noun = kind
    if len(members) < 2:
        noun, members = "object", list(range(len(axis.values)))
    word, sign = (("smallest", -1), ("largest", 1))[rng.integers(2)]
    ranked = sorted(members, key=lambda m: sign * axis.values[m])
    if len(ranked) < 2 or abs(axis.lead(ranked[-1], ranked[-2])) < _APART_M:
        return None
    return _Asked(f"the {noun} with the {word} {axis.name}.", "", (ranked[-1],))


def _beyond(axis: _Axis, rng: np.random.Generator) -> _Asked | None:
    """All of a kind that are farther out than another object."""
    j = int(rng.choice(axis.named))
    kind = axis.layout.objects[rng.integers(len(axis.values))].kind
    members = [m for m in axis.of_kind(kind) if m != j]
    if any(abs(axis.lead(m, j)) < _APART_M for m in members):
        return None
    found = tuple(m for m in members if axis.lead(m, j) > 0)
    name = axis.layout.names[j]
    return _Asked(f"all {plural(kind)} with larger {axis.name} than {name}.", "", found)


_FORMS = (_which, _is, _sign, _extreme, _beyond)
