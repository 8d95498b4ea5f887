"""Our own wordings around questions and answers (specification sections 3.4 and 6.3)."""

from __future__ import annotations

from dataclasses import dataclass

from posealign_core.language.texts import TextRules

__all__ = ["TEXT_RULES", "TaskTexts"]


@dataclass(frozen=True, kw_only=True)
class TaskTexts:
    """What is said around a question; each starts as our own wording.

    Attributes:
        before: Before the objects.
        after: Between the objects and the question.
        ground: A referring expression `{description}` of one object.
        ground_many: A referring expression of any number of objects.
        answer: A question `{question}`.
        situated_answer: A question after the words that say where the asker stands.
        caption: A request to describe `{object}`, its looks first.
        locate: A request to tell `{object}` apart by its surroundings.
        name: A request for the category of `{object}`.
        name_reply: The category `{label}` of `{object}`.
        pose: Around the published pose string `<pose>`, in released prompt mode.
    """

    before: str = "Someone asks about a scanned room. The assistant answers briefly. Objects: ["
    after: str = "]. USER: "
    ground: str = "Which object does this text mean? {description}"
    ground_many: str = "Which objects does this text mean, if any? {description}"
    answer: str = "{question} Reply in few words."
    situated_answer: str = "{question} Reply in one word or a short phrase."
    caption: str = "Describe {object}: how it looks, then where it stands."
    locate: str = "Where in the room does {object} stand?"
    name: str = "What kind of object is {object}?"
    name_reply: str = "{object} is a {label}."
    pose: str = "The asker's pose is <pose>. What is asked about lies ahead."


TEXT_RULES = TextRules(
    backbone="chat_scene",
    needs={
        "ground": ("{description}",),
        "ground_many": ("{description}",),
        "answer": ("{question}",),
        "situated_answer": ("{question}",),
        "caption": ("{object}",),
        "locate": ("{object}",),
        "name": ("{object}",),
        "name_reply": ("{object}", "{label}"),
        "pose": ("<pose>",),
    },
    aliases={"<id>": "{object}", "<description>": "{description}"},
)
"""Markers that a file of wordings must keep; the published placeholders do as well."""
