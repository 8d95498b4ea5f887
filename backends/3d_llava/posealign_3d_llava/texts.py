"""The wordings around questions and answers: our own, or those of a file (sections 4.3, 7.2)."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from posealign_3d_llava.model.special_tokens import SEG_TOKEN
from posealign_core.datasets.files import read_json
from posealign_core.errors import ConfigError, PoseAlignWarning

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["TaskTexts", "load_texts"]


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


_NEEDS = {
    "ground": ("<image>", "{description}"),
    "ground_many": ("<image>", "{description}"),
    "answer": ("<image>", "{question}"),
    "situated_answer": ("<image>", "{question}"),
    "caption": ("<image>", "<loc>"),
    "pose": ("<pose>",),
    "ground_reply": (SEG_TOKEN,),
}


def load_texts(path: Path | None, digests: Mapping[str, str]) -> TaskTexts:
    """Lay the wordings of a file over our own.

    Args:
        path: JSON object with any fields of `TaskTexts`; `<pc>` may stand for `<image>`. None for
            our own wordings.
        digests: SHA-256 that wordings must have, by field. Warns of those for which our own wording
            stands in; a model that was trained with other words answers worse.

    Raises:
        ConfigError: The file names an unknown text, one lacks a marker, or has another digest.
        DataError: The file is missing or damaged.
    """
    texts = TaskTexts()
    given = {} if path is None else read_json(path)
    known = [field.name for field in fields(TaskTexts)]
    faults = [f"{name}: wanted one of {', '.join(known)}" for name in given if name not in known]
    faults += [f"{name}: names no text" for name in digests if name not in known]
    for name in given.keys() & set(known):
        found = hashlib.sha256(given[name].encode()).hexdigest()
        if digests.get(name, found) != found:
            faults.append(f"{name}: wanted the text with SHA-256 {digests[name]}, found {found}")
        missing = [
            m for m in _NEEDS.get(name, ()) if m not in given[name].replace("<pc>", "<image>")
        ]
        faults += [f"{name}: wanted the marker {marker} in it" for marker in missing]
    if faults:
        raise ConfigError(sorted(faults), source=str(path or "text_digests"))
    own = sorted(digests.keys() - given.keys())
    if own:
        warnings.warn(
            f"3d_llava: our own wording stands in for {', '.join(own)}; published weights know "
            "other words. Name the file that holds them with backbone.config.texts",
            PoseAlignWarning,
            stacklevel=2,
        )
    return replace(texts, **{name: text.replace("<pc>", "<image>") for name, text in given.items()})
