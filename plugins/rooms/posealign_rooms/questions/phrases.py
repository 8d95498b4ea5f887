"""The wordings of every form. `{0}`, `{1}` are the item's slots; `<side>` is a side in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posealign_rooms.relations import Side

if TYPE_CHECKING:
    import numpy as np

    from posealign_rooms.questions.item import Item

__all__ = ["NUMBERS", "OF_ME", "OF_OBJECT", "WORDINGS", "a", "say"]

NUMBERS: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen",
)  # fmt: skip

OF_OBJECT: Final = {
    Side.LEFT: ("to the left of", "left of", "on the left side of"),
    Side.RIGHT: ("to the right of", "right of", "on the right side of"),
    Side.FRONT: ("in front of",),
    Side.BEHIND: ("behind",),
}
OF_ME: Final = {
    Side.LEFT: ("on my left", "to my left"),
    Side.RIGHT: ("on my right", "to my right"),
    Side.FRONT: ("in front of me",),
    Side.BEHIND: ("behind me",),
}

_PLAIN = {
    # frame-independent questions
    "color": ("what color is {0}?", "what is the color of {0}?"),
    "count": ("how many {0} are there?", "how many {0} are in the room?"),
    "exists": ("is there {0} in the room?", "is there {0}?"),
    "nearest": ("what is closest to {0}?", "which object is nearest to {0}?"),
    "on": ("what is on {0}?", "what is standing on {0}?"),
    "under": ("what is under {0}?", "what is {0} standing on?"),
    "taller": ("which is taller, {0} or {1}?",),
    "is_taller": ("is {0} taller than {1}?", "is {0} higher than {1}?"),
    "next_to": ("is {0} next to {1}?", "is {0} close to {1}?"),
    # seen from here
    "lateral": (
        "is {0} to the left or to the right of {1}?",
        "seen from here, is {0} left or right of {1}?",
        "on which side of {1} is {0}, left or right?",
    ),
    "depth": (
        "is {0} in front of or behind {1}?",
        "seen from here, is {0} in front of or behind {1}?",
    ),
    "closer_to_me": ("which is closer to me, {0} or {1}?", "what is nearer to me, {0} or {1}?"),
    "color_leftmost": ("what color is the {0} on the left?", "what color is the left {0}?"),
    "color_rightmost": ("what color is the {0} on the right?", "what color is the right {0}?"),
    # egocentric
    "me_half": (
        "is {0} on my left or on my right?",
        "should i turn left or right to face {0}?",
    ),
    "me_where": (
        "in which direction is {0}?",
        "where is {0}, left, right, front or behind?",
    ),
    # descriptions of one object
    "ref_name": ("{0}.", "find {0}.", "this is {0} of the room."),
    "ref_color": ("the {0} {1}.", "this {1} is {0}.", "the {1} whose color is {0}."),
    "ref_near": ("the {0} closest to {1}.", "this is the {0} that is nearest to {1}."),
    "ref_far": ("the {0} farthest from {1}.", "this is the {0} that is farthest from {1}."),
    "ref_on": ("the {0} on {1}.", "this {0} is standing on {1}."),
    "ref_tallest": ("the tallest {0}.", "this is the highest {0} in the room."),
    "ref_leftmost": ("the {0} on the left.", "the leftmost {0}.", "this is the left {0}."),
    "ref_rightmost": ("the {0} on the right.", "the rightmost {0}.", "this is the right {0}."),
    "ref_nearest_me": ("the {0} closest to me.", "the {0} that is nearest from here."),
    "ref_farthest_me": ("the {0} farthest from me.", "the {0} that is farthest from here."),
    # descriptions of any number of objects
    "all_kind": ("all {0}.", "all the {0} in the room.", "every one of the {0}."),
    "all_color": ("all {0} {1}.", "the {1} that are {0}.", "every {0} one of the {1}."),
    # situations
    "facing": ("i am facing {0}.", "i am looking at {0}.", "i am standing and looking at {0}."),
    "near": (
        "i am standing near {0} and facing it.",
        "i am close to {0}. i am looking at it.",
    ),
    "away": (
        "i am standing a few steps away from {0} and facing it.",
        "i am looking at {0} from a few steps away.",
    ),
}  # fmt: skip

_SIDED_BY_OBJECT = {
    "what": ("what is <side> {0}?", "seen from here, what is <side> {0}?"),
    "is": ("is {0} <side> {1}?", "seen from here, is {0} <side> {1}?"),
    "color": ("what color is the {0} <side> {1}?", "what is the color of the {0} <side> {1}?"),
    "ref": (
        "the {0} <side> {1}.",
        "this {0} is <side> {1}.",
        "the {0} that is <side> {1}, seen from here.",
    ),
    "all": ("all {0} <side> {1}.", "the {0} that are <side> {1}, seen from here."),
}
_SIDED_BY_ME = {
    "me_is": ("is {0} <side>?",),
    "me_closest": ("what is the closest object <side>?", "which object <side> is nearest?"),
    "me_count": ("how many {0} are <side>?",),
    "me_color": ("what color is the {0} <side>?",),
}


def _sided() -> dict[str, tuple[str, ...]]:
    """Every sided form, once for each side and each way to say it."""
    tables = ((_SIDED_BY_OBJECT, OF_OBJECT), (_SIDED_BY_ME, OF_ME))
    return {
        f"{form}_{side.value}": tuple(
            wording.replace("<side>", words) for wording in wordings for words in in_words[side]
        )
        for forms, in_words in tables
        for form, wordings in forms.items()
        for side in Side
    }


WORDINGS: Final[dict[str, tuple[str, ...]]] = {**_PLAIN, **_sided()}


def a(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def say(item: Item, rng: np.random.Generator) -> str:
    """Put an item in words, in one of its wordings, lower-case with end punctuation."""
    wordings = WORDINGS[item.form]
    return wordings[int(rng.integers(len(wordings)))].format(*item.slots)
