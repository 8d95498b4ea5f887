"""From generated words to objects, boxes and an answer (specification sections 7 and 8)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from posealign_chat_scene.encode.answerable import NOBODY
from posealign_chat_scene.encode.answers import plain_answer
from posealign_chat_scene.identifiers import numbers_in, renamed
from posealign_core.backbone import RawAnswer
from posealign_core.vocabulary import Fidelity, TaskKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from posealign_chat_scene.encode.answerable import Answerable

__all__ = ["answer_of", "text_of"]

_SPACE = re.compile(r"\s+")


def text_of(tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> str:
    """Decode up to the end token, identifiers included."""
    end = tokenizer.eos_token_id
    said = list(ids[: ids.index(end)] if end in ids else ids)
    text: str = tokenizer.decode(said, skip_special_tokens=False)  # type: ignore[assignment]
    return _SPACE.sub(" ", text).replace(" .", ".").replace(" ,", ",").strip()


def answer_of(text: str, order: Sequence[int], known: Answerable, rules: Fidelity) -> RawAnswer:
    """Read an answer.

    An identifier of an empty slot, or of none, names nothing: it stays in the text as it is.

    Args:
        text: As generated, with slots for identifiers.
        order: The row of each slot.
        known: What may be named, by row.
        rules: See `ChatSceneConfig.identifier_rules`.
    """

    def row_of(slot: int) -> int | None:
        row = order[slot] if slot < len(order) else len(known)
        return row if row < len(known) else None

    rows = [row for slot in numbers_in(text) if (row := row_of(slot)) is not None]
    said = renamed(text, row_of)
    if known.kind is TaskKind.ANSWER:
        return RawAnswer(text=plain_answer(said))
    if known.kind is TaskKind.CAPTION:
        rows = [] if known.shown is None else [known.shown]
        return _named(said, rows, known) if known.detected else RawAnswer(text=said)
    if rules is Fidelity.CORRECT:
        rows = list(dict.fromkeys(rows))
    elif not rows and not known.many and len(known):
        rows = [0]
    return _named(said, rows if known.many else rows[:1], known)


def _named(text: str, rows: Sequence[int], known: Answerable) -> RawAnswer:
    """An answer that means the objects of some rows."""
    ids = known.object_ids[list(rows)]
    return RawAnswer(
        text=text,
        corners=None if known.corners is None else known.corners[list(rows)],
        object_ids=tuple(int(i) for i in ids if i != NOBODY),
    )
