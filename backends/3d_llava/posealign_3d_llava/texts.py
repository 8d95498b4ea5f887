"""Our own wordings around questions and answers (sections 4.3, 7.2)."""

from __future__ import annotations

from dataclasses import dataclass

from posealign_3d_llava.model.special_tokens import SEG_TOKEN
from posealign_core.language.texts import TextRules

__all__ = ["TEXT_RULES", "TaskTexts"]


@dataclass(frozen=True, kw_only=True)
class TaskTexts:
    """What is said around a question; each starts as our own wording.

    Attributes:
        system: Before the first turn.
        ground: A referring expression `{description}` of one object; `<image>` is the scene.
        ground_many: A referring expression of any number of objects.
        answer: A question `{question}`.
        situated_answer: A question after the words that say where the asker stands.
        caption: A request to describe the object at `<loc>`.
        pose: Around the published pose string `<pose>`, in released prompt mode.
        ground_reply: The answer that means "this one"; holds [SEG].
        ground_nothing_reply: The answer where nothing fits.
    """

    system: str = "Someone asks about a scanned room. The assistant answers briefly."
    ground: str = "<image>\n Mark in the scan what this text means: {description}"
    ground_many: str = "<image>\n Mark every object that fits, if any does: {description}"
    answer: str = "<image>\n {question} Reply in few words."
    situated_answer: str = "<image>\n {question} Reply in one word or a short phrase."
    caption: str = "<image>\n Describe the object <loc> of this room."
    pose: str = "The asker's pose is <pose>. What is asked about lies ahead."
    ground_reply: str = f"It is {SEG_TOKEN} ."
    ground_nothing_reply: str = "There is none."


TEXT_RULES = TextRules(
    backbone="3d_llava",
    needs={
        "ground": ("<image>", "{description}"),
        "ground_many": ("<image>", "{description}"),
        "answer": ("<image>", "{question}"),
        "situated_answer": ("<image>", "{question}"),
        "caption": ("<image>", "<loc>"),
        "pose": ("<pose>",),
        "ground_reply": (SEG_TOKEN,),
    },
    aliases={"<pc>": "<image>"},
)
"""Markers that a file of wordings must keep; `<pc>` may stand for `<image>`."""
