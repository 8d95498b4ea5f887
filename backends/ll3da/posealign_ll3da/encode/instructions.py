"""Instructions and replies in words (specification sections 5.2, 5.3 and 9.7)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from posealign_core.align import pose_text
from posealign_core.errors import BackboneError
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    import numpy as np

    from posealign_core.structures import AlignedSample, EgoPose, Query
    from posealign_ll3da.texts import TaskTexts

__all__ = ["PLACED", "Instructions"]

PLACED = (TaskKind.GROUND, TaskKind.SELECT)
"""Kinds that are answered with places."""

_PLAIN = {TaskKind.CAPTION: ("caption", "caption_here"), TaskKind.ANSWER: ("answer", "answer_here")}
_WITH_PLACE = {
    TaskKind.CAPTION: {
        "locate_caption": "place_caption",
        "locate_caption_here": "place_caption",
        "caption_locate": "caption_place",
        "caption_locate_here": "caption_place",
    },
    TaskKind.ANSWER: {"answer_locate": "answer_place", "locate_answer": "place_answer"},
}
"""Wordings that ask for a place too, with the wording of their reply."""
_TOKEN = re.compile(r"\w+|[^\w\s]")


class Instructions:
    """Puts questions into words.

    Args:
        texts: The wordings.
    """

    def __init__(self, texts: TaskTexts) -> None:
        self._texts = texts

    def asked(self, sample: AlignedSample, pose: EgoPose | None) -> str:
        """The instruction of a question that is to be answered."""
        return self._turn(sample, pose, self._first(sample.query.kind))

    def taught(
        self, sample: AlignedSample, pose: EgoPose | None, places: str, rng: np.random.Generator
    ) -> tuple[str, str]:
        """An instruction with its reply.

        Args:
            sample: The question.
            pose: What prompt mode states.
            places: Boxes of what the answer is about, in words; `""` for none, and then no wording
                that asks for them.
            rng: Chooses among wordings, and among accepted answers.

        Raises:
            BackboneError: A question has no answer to learn from, or nothing to locate.
        """
        query, texts = sample.query, self._texts
        if query.kind in PLACED:
            if query.target_ids and not places:
                raise BackboneError(
                    f"query {query.query_id!r}: wanted boxes of the objects "
                    f"{list(query.target_ids)}, found none; leave it out of the training set, and "
                    "do not set cloud.ego_boxes to none"
                )
            return self._turn(sample, pose, "ground"), places or texts.ground_nothing
        answer = _accepted(query, rng)
        replies = dict.fromkeys(_PLAIN[query.kind], "{answer}")
        if places:
            replies |= {k: getattr(texts, v) for k, v in _WITH_PLACE[query.kind].items()}
        name = list(replies)[int(rng.integers(len(replies)))]
        reply = replies[name].replace("{location}", places)
        return (
            self._turn(sample, pose, name),
            reply.replace("{answer}", answer).replace("{caption}", answer),
        )

    def _first(self, kind: TaskKind) -> str:
        return _PLAIN[kind][0] if kind in _PLAIN else "ground"

    def _turn(self, sample: AlignedSample, pose: EgoPose | None, name: str) -> str:
        query = sample.query
        text = query.text.lower() if query.kind is TaskKind.ANSWER else query.text
        asked = f"{query.situation} {text}".strip()
        wording: str = getattr(self._texts, name)
        body = wording.replace("{question}", asked).replace("{description}", asked)
        stated = pose_text(sample, pose)
        return self._texts.turn.replace("{body}", f"{stated} {body}".strip())


def _accepted(query: Query, rng: np.random.Generator) -> str:
    """One of the accepted answers; a caption as words and marks between blanks."""
    if not query.references:
        raise BackboneError(
            f"query {query.query_id!r} of {query.benchmark} has no answer to learn from; "
            "leave it out of the training set"
        )
    answer = query.references[int(rng.integers(len(query.references)))]
    if query.kind is TaskKind.CAPTION:
        return " ".join(_TOKEN.findall(answer.lower()))
    return answer
