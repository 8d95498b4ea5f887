"""Questions and answers in words (specification sections 3.4, 6.3 and 9.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_chat_scene.encode.answers import (
    as_sentence,
    as_sentences,
    many_objects,
    one_object,
)
from posealign_chat_scene.identifiers import identifier
from posealign_core.align import pose_text
from posealign_core.errors import BackboneError
from posealign_core.vocabulary import Fidelity, TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from posealign_chat_scene.texts import TaskTexts
    from posealign_core.structures import AlignedSample, EgoPose, Query

__all__ = ["Dialogue"]

_MANY, _NAME, _LOCATE = "multi3drefer", "obj_align", "nr3d_caption"


class Dialogue:
    """Writes questions and answers with slots in them.

    Args:
        texts: The wordings.
        leading_space: See `ChatSceneConfig.leading_space`.
    """

    def __init__(self, texts: TaskTexts, leading_space: Fidelity) -> None:
        self.texts = texts
        self._leading_space = leading_space

    def question(
        self, sample: AlignedSample, pose: EgoPose | None, shown: int | None, *, train: bool
    ) -> str:
        """What the user says.

        Args:
            sample: The question; in prompt mode its pose is stated first.
            pose: What prompt mode states.
            shown: Slot of the object that the question is about, for captions.
            train: Whether it is to be learnt from.
        """
        query = sample.query
        asked = f"{query.situation} {query.text}".strip()
        words = self._wording(query).replace("{question}", asked).replace("{description}", asked)
        if shown is not None:
            words = words.replace("{object}", identifier(shown))
        stated = pose_text(sample, pose)
        if stated and sample.settings.fidelity is Fidelity.RELEASED:
            stated = self.texts.pose.replace("<pose>", stated)
        space = " " if self._leading_space is Fidelity.RELEASED and not train else ""
        return f"{space}{stated} {words}" if stated else f"{space}{words}"

    def answer(
        self, query: Query, targets: Sequence[int], shown: int | None, rng: np.random.Generator
    ) -> str:
        """What the assistant is to say.

        Args:
            query: The question.
            targets: Slots of the objects that it refers to.
            shown: Slot of the object that it is about, for captions.
            rng: Chooses among accepted answers.

        Raises:
            BackboneError: The question has no answer to learn from.
        """
        if query.kind is TaskKind.GROUND and (query.benchmark == _MANY or len(targets) != 1):
            return many_objects(targets)
        if query.kind in (TaskKind.GROUND, TaskKind.SELECT):
            return one_object(targets[0]) if targets else many_objects(())
        if not query.references:
            raise BackboneError(
                f"query {query.query_id!r} of {query.benchmark} has no answer to learn from; leave "
                "it out of the training set"
            )
        said = query.references[int(rng.integers(len(query.references)))]
        if query.kind is TaskKind.ANSWER:
            return as_sentence(said)
        if query.benchmark == _NAME and shown is not None:
            reply = self.texts.name_reply.replace("{object}", identifier(shown))
            return reply.replace("{label}", said)
        return said if query.benchmark == _LOCATE else as_sentences(said)

    def _wording(self, query: Query) -> str:
        texts = self.texts
        if query.kind is TaskKind.CAPTION:
            return {_NAME: texts.name, _LOCATE: texts.locate}.get(query.benchmark, texts.caption)
        if query.kind is TaskKind.ANSWER:
            return texts.situated_answer if query.situation else texts.answer
        return texts.ground_many if query.benchmark == _MANY else texts.ground
