"""One thing that can be asked: its form, the words that fill it, and what is true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from posealign_rooms.relations import Relation
    from posealign_rooms.viewpoint import Sight

__all__ = ["Family", "Item"]


@dataclass(frozen=True, slots=True)
class Item:
    """A question or description before it is put in words.

    Attributes:
        form: Key of its wordings in `phrases.WORDINGS`.
        slots: Words that fill the wording; form and slots together are what is asked.
        answer: The short answer, or `""` for a description, whose answer is `targets`.
        targets: Ids of the objects that it is about; for a description the ones it means.
        relation: The claim about the viewpoint that the answer rests on, where there is one.
    """

    form: str
    slots: tuple[str, ...]
    answer: str = ""
    targets: tuple[int, ...] = ()
    relation: Relation | None = None

    @property
    def asked(self) -> tuple[str, tuple[str, ...]]:
        """What the words say, apart from their wording."""
        return self.form, self.slots

    @property
    def outcome(self) -> str | tuple[int, ...]:
        """What a right answer is."""
        return self.answer or self.targets


@dataclass(frozen=True, slots=True)
class Family:
    """Items of one sort.

    Attributes:
        name: Name for reports.
        items: Lists every item of this sort that is clear from a viewpoint.
        directional: Whether the answer depends on where the asker stands.
    """

    name: str
    items: Callable[[Sight], Iterator[Item]]
    directional: bool
