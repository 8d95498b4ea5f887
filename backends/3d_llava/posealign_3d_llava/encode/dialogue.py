"""Questions and answers in words (specification sections 4.3, 5.4 and 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posealign_3d_llava.model.conversation import Turn
from posealign_core.align import pose_text
from posealign_core.errors import BackboneError
from posealign_core.vocabulary import Fidelity, TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from posealign_3d_llava.texts import TaskTexts
    from posealign_core.structures import AlignedSample, EgoPose, Query

__all__ = ["Dialogue"]

_SCENE = "<image>"
_MANY = "multi3drefer"


class Dialogue:
    """Turns queries into turns of a conversation.

    Args:
        texts: The wordings.
        leading_space: See `LlavaConfig.leading_space`.
    """

    def __init__(self, texts: TaskTexts, leading_space: Fidelity) -> None:
        self._texts = texts
        self._leading_space = leading_space

    @property
    def system(self) -> str:
        """What stands before the first turn."""
        return self._texts.system

    def turns(
        self,
        samples: Sequence[AlignedSample],
        pose: EgoPose | None,
        *,
        train: bool,
        rng: np.random.Generator,
    ) -> list[Turn]:
        """One turn per sample, with scene and pose, as if it were asked alone.

        Args:
            samples: Questions about one scene from one pose.
            pose: What prompt mode states.
            train: Whether to add answers.
            rng: Chooses among accepted answers.

        Raises:
            BackboneError: A question has no answer to learn from.
        """
        turns = []
        for sample in samples:
            words = self._question(sample.query)
            question = self._with_scene(sample, words, pose, train=train)
            answer = self._answer(sample.query, rng) if train else None
            turns.append(Turn(question, answer))
        return turns

    def _question(self, query: Query) -> str:
        """The wording of a question with what is asked in it, without the scene's marker."""
        asked = f"{query.situation} {query.text}".strip()
        words = self._wording(query).replace("{question}", asked).replace("{description}", asked)
        # What follows the marker keeps its space, which the release has in evaluation only.
        return words.replace(_SCENE, "").removeprefix("\n")

    def _wording(self, query: Query) -> str:
        if query.kind is TaskKind.CAPTION:
            return self._texts.caption
        if query.kind is TaskKind.ANSWER:
            return self._texts.situated_answer if query.situation else self._texts.answer
        return self._texts.ground_many if query.benchmark == _MANY else self._texts.ground

    def _with_scene(
        self, sample: AlignedSample, words: str, pose: EgoPose | None, *, train: bool
    ) -> str:
        keeps_space = self._leading_space is Fidelity.RELEASED and not train
        question = words if keeps_space else words.strip()
        stated = pose_text(sample, pose)
        if not stated:
            return f"{_SCENE}\n{question}"
        if sample.settings.fidelity is Fidelity.CORRECT:
            return f"{_SCENE}\n{stated} {question.lstrip()}"
        if train:  # the release looks for a marker that it has just replaced (Q1)
            return f"{_SCENE}\n{question}"
        return f"{self._texts.pose.replace('<pose>', stated)} {_SCENE}\n{question}"

    def _answer(self, query: Query, rng: np.random.Generator) -> str:
        if query.kind in (TaskKind.GROUND, TaskKind.SELECT):
            texts = self._texts
            return texts.ground_reply if query.target_ids else texts.ground_nothing_reply
        if not query.references:
            raise BackboneError(
                f"query {query.query_id!r} of {query.benchmark} has no answer to learn from; "
                "leave it out of the training set"
            )
        return query.references[int(rng.integers(len(query.references)))]
