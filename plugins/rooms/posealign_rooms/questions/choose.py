"""Chooses what is asked, evenly over families and answers, and puts it in words."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from posealign_core.vocabulary import TaskKind
from posealign_rooms.questions import descriptions, facts, from_here, of_me
from posealign_rooms.questions.phrases import say
from posealign_rooms.viewpoint import CENTRAL_DEG

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from posealign_rooms.questions.item import Family, Item
    from posealign_rooms.viewpoint import Sight

_T = TypeVar("_T")
_Choice = tuple["Family", tuple["Item", ...]]
"""An item as it is from each viewpoint, and its family."""

__all__ = ["TOPICS", "Asked", "Topic", "ask", "blind_accuracy"]


@dataclass(frozen=True, slots=True)
class Topic:
    """What a benchmark asks.

    Attributes:
        kind: What kind of answer it wants.
        families: What it draws from.
        situated: Whether the asker first says where they are.
        sentence_case: Whether its texts start with a capital.
    """

    kind: TaskKind
    families: tuple[Family, ...]
    situated: bool = False
    sentence_case: bool = False


TOPICS: Final = {
    "scanqa": Topic(TaskKind.ANSWER, (*facts.FAMILIES, *from_here.FAMILIES), sentence_case=True),
    "sqa3d": Topic(
        TaskKind.ANSWER, (*facts.FAMILIES, *of_me.FAMILIES), situated=True, sentence_case=True
    ),
    "scanrefer": Topic(TaskKind.GROUND, descriptions.ONE_FAMILIES),
    "nr3d": Topic(TaskKind.SELECT, descriptions.AMONG_FAMILIES),
    "multi3drefer": Topic(TaskKind.GROUND, descriptions.SET_FAMILIES),
}
"""By benchmark; Scan2Cap takes its captions from ScanRefer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as it was asked.

    Attributes:
        text: The words.
        situation: Where the asker says they are, or `""`.
        alternatives: Other ways to say that.
        item: What is asked, and what is true from the asker's viewpoint.
        family: Name of its family.
        directional: Whether the answer depends on where the asker stands.
        chance: Expected accuracy of the best answerer who knows everything but the viewpoint.
    """

    text: str
    situation: str
    alternatives: tuple[str, ...]
    item: Item
    family: str
    directional: bool
    chance: float


def blind_accuracy(outcomes: Sequence[object]) -> float:
    """Best expected accuracy when one of these outcomes is true, each with equal probability."""
    return Counter(outcomes).most_common(1)[0][1] / len(outcomes)


def ask(
    topic: Topic,
    sights: Sequence[Sight],
    rng: np.random.Generator,
    *,
    true: int = 0,
    n_directional: int,
    n_plain: int,
) -> list[Asked]:
    """Ask questions that could be asked, in the same words, from every one of some viewpoints.

    Which viewpoint is the true one enters only into the answers. A directional question has another
    answer from some of the viewpoints, so that who does not know which of them is true is right
    with probability `chance` at best, even after reading all questions. With one viewpoint, every
    item of a directional family counts as directional and its chance is 1.

    Args:
        topic: What to draw from.
        sights: The room from each viewpoint that could be the true one.
        rng: The only source of randomness.
        true: Index of the true viewpoint; no random draw depends on it.
        n_directional: How many questions whose answer depends on the viewpoint.
        n_plain: How many others.

    Returns:
        The questions; fewer where the room does not give as many.
    """
    chosen = [
        choice
        for directional, n in ((True, n_directional), (False, n_plain))
        for choice in _spread(
            [f for f in topic.families if f.directional is directional], sights, n, rng
        )
    ]
    ways = _ways_to_situate(sights) if topic.situated else []
    asked = []
    for family, items in (chosen[i] for i in rng.permutation(len(chosen))):
        told = _in_order([say(way, rng) for way in ways], rng)
        text = say(items[0], rng)
        if topic.sentence_case:
            told, text = [_sentence_case(t) for t in told], _sentence_case(text)
        chance = blind_accuracy([item.outcome for item in items])
        situation, others = (told[0], tuple(told[1:3])) if told else ("", ())
        asked.append(
            Asked(text, situation, others, items[true], family.name, family.directional, chance)
        )
    return asked


def _choices(family: Family, sights: Sequence[Sight]) -> list[list[_Choice]]:
    """What a family can ask from every viewpoint, grouped by the outcome from the first one.

    A directional family gives only items whose outcomes differ between the viewpoints.
    """
    first, *others = ({item.asked: item for item in family.items(sight)} for sight in sights)
    groups: dict[object, list[_Choice]] = {}
    for asked, item in first.items():
        items = (item, *(other[asked] for other in others if asked in other))
        differ = any(i.outcome != item.outcome for i in items)
        if len(items) == len(sights) and (differ or not others or not family.directional):
            groups.setdefault(item.outcome, []).append((family, items))
    return list(groups.values())


def _ways_to_situate(sights: Sequence[Sight]) -> list[Item]:
    """Situations that are true of every viewpoint, with what is straight ahead if possible."""
    for within_deg in (12.0, CENTRAL_DEG):
        tables = [{w.asked: w for w in of_me.situations(s, within_deg)} for s in sights]
        ways = [way for asked, way in tables[0].items() if all(asked in t for t in tables)]
        if ways:
            return ways
    return []


def _spread(
    families: list[Family], sights: Sequence[Sight], n: int, rng: np.random.Generator
) -> list[_Choice]:
    """Draw n without repetition: a family in turn, one of its outcomes, one item with that.

    A family is only enumerated when its turn comes.
    """
    fresh = (_choices(family, sights) for family in _in_order(families, rng))
    opened: deque[list[list[_Choice]]] = deque()
    chosen: list[_Choice] = []
    while len(chosen) < n:
        groups = next(fresh, None)
        if groups is None:
            if not opened:
                break
            groups = opened.popleft()
        if not groups:
            continue
        group = groups[int(rng.integers(len(groups)))]
        chosen.append(group.pop(int(rng.integers(len(group)))))
        if not group:
            groups.remove(group)
        opened.append(groups)
    return chosen


def _in_order(values: list[_T], rng: np.random.Generator) -> list[_T]:
    return [values[i] for i in rng.permutation(len(values))]


def _sentence_case(text: str) -> str:
    text = re.sub(r"(^|[.?!] )([a-z])", lambda m: m[1] + m[2].upper(), text)
    return re.sub(r"\bi\b", "I", text)
