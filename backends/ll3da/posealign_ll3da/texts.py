"""Our own wordings around questions and answers (sections 5.2, 5.3)."""

from __future__ import annotations

from dataclasses import dataclass

from posealign_core.language.texts import TextRules

__all__ = ["TEXT_RULES", "TaskTexts"]


@dataclass(frozen=True, kw_only=True)
class TaskTexts:
    """What is said around a question; each starts as our own wording.

    Training draws among the wordings of a task, answering uses the first. `{location}` is one or
    more boxes in words.

    Attributes:
        turn: Around every instruction `{body}`; a stated pose stands before the body.
        caption: A request to describe the object of the visual prompt.
        caption_here: The same.
        locate_caption: A request to say where it is, and then to describe it.
        locate_caption_here: The same.
        caption_locate: A request to describe it, and then to say where it is.
        caption_locate_here: The same.
        answer: A question `{question}`.
        answer_here: The same.
        answer_locate: A question whose answer is to say where its objects are.
        locate_answer: The same, the places first.
        ground: A text `{description}` whose objects are to be located.
        place_caption: The reply of a place and a `{caption}`.
        caption_place: The reply of a caption and a place.
        answer_place: The reply of an `{answer}` and the places of its objects.
        place_answer: The reply of places and an answer.
        ground_nothing: The reply where nothing fits.
    """

    turn: str = "user: {body} assistant:"
    caption: str = "tell what the marked object is."
    caption_here: str = "tell what the marked object of this room is."
    locate_caption: str = "tell where the marked object is, and what it is."
    locate_caption_here: str = "tell where the marked object of this room is, and what it is."
    caption_locate: str = "tell what the marked object is, and where it is."
    caption_locate_here: str = "tell what the marked object of this room is, and where it is."
    answer: str = "about this room: {question}"
    answer_here: str = "reply to this about the room: {question}"
    answer_locate: str = "tell where the objects are that this is about: {question}"
    locate_answer: str = "find the objects that this is about first, then reply: {question}"
    ground: str = "tell where this is: {description}"
    place_caption: str = "it is at {location}. {caption}"
    caption_place: str = "{caption} it is at {location}"
    answer_place: str = "{answer}, about the objects at {location}"
    place_answer: str = "about the objects at {location}, {answer}"
    ground_nothing: str = "nowhere"


TEXT_RULES = TextRules(
    backbone="ll3da",
    needs={
        "turn": ("{body}",),
        "answer": ("{question}",),
        "answer_here": ("{question}",),
        "answer_locate": ("{question}",),
        "locate_answer": ("{question}",),
        "ground": ("{description}",),
        "place_caption": ("{location}", "{caption}"),
        "caption_place": ("{location}", "{caption}"),
        "answer_place": ("{location}", "{answer}"),
        "place_answer": ("{location}", "{answer}"),
    },
)
"""Markers that a file of wordings must keep."""
