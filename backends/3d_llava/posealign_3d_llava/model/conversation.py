"""Conversations as ids, with labels on what the model is to say (sections 4.3 and 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from posealign_3d_llava.model.special_tokens import IGNORE_INDEX, LOC_INDEX, encode_with_markers
from posealign_core.errors import DataError
from posealign_core.language.packing import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

__all__ = [
    "EncodedConversation",
    "PackedConversation",
    "Turn",
    "encode_conversation",
    "pack",
]


@dataclass(frozen=True)
class Turn:
    """A question and its answer.

    Attributes:
        question: What the user says; `<image>` and `<loc>` may stand in it.
        answer: What the assistant says, or None where it is to be generated (last turn only).
    """

    question: str
    answer: str | None


@dataclass(frozen=True)
class EncodedConversation:
    """Ids of one sequence, and their labels.

    Attributes:
        input_ids: Token ids; negative ones are markers.
        labels: The ids of answers and their end tokens, `IGNORE_INDEX` everywhere else.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]


@dataclass(frozen=True)
class PackedConversation(EncodedConversation):
    """Several conversations in one sequence.

    Attributes:
        segments: The conversation that each id belongs to, from 1; 0 for what they share.
    """

    segments: tuple[int, ...]


def encode_conversation(
    tokenizer: PreTrainedTokenizerBase, turns: Sequence[Turn], *, system: str
) -> EncodedConversation:
    """Lay out `SYSTEM USER: question ASSISTANT: answer</s>USER: ...`.

    An answer is supervised from where a prompt for generation would end.

    Args:
        tokenizer: With bos and eos.
        turns: At least one.
        system: What stands before the first turn.

    Raises:
        DataError: There is no turn, one before the last has no answer, or the tokenizer joins an
            answer to the text before it.
    """
    if not turns or any(turn.answer is None for turn in turns[:-1]):
        raise DataError(
            "conversation: wanted at least one turn, and an answer in all but the last, found "
            f"{[turn.answer for turn in turns]}"
        )
    ids: list[int] = [tokenizer.bos_token_id]
    labels: list[int] = [IGNORE_INDEX]
    for number, turn in enumerate(turns):
        start = f"{system} " if number == 0 else ""
        prompt = f"{start}USER: {turn.question} ASSISTANT:"
        asked = encode_with_markers(tokenizer, prompt)
        said = [] if turn.answer is None else _answer_ids(tokenizer, prompt, asked, turn.answer)
        ids += [*asked, *said]
        labels += [*[IGNORE_INDEX] * len(asked), *said]
    return EncodedConversation(tuple(ids), tuple(labels))


def pack(conversations: Sequence[EncodedConversation]) -> PackedConversation:
    """Put conversations into one sequence that says their common beginning once.

    A prompt's marker is never shared: each conversation has a prompt of its own. Each keeps the
    ids that it has alone; that it sees no other is up to the language model
    (`posealign_core.language.packing`).

    Args:
        conversations: At least one.
    """
    first = conversations[0]
    n_shared = 0
    for ids, labels in zip(
        zip(*(c.input_ids for c in conversations), strict=False),
        zip(*(c.labels for c in conversations), strict=False),
        strict=True,
    ):
        is_own_prompt = ids[0] == LOC_INDEX and len(conversations) > 1
        if len(set(ids)) > 1 or set(labels) != {IGNORE_INDEX} or is_own_prompt:
            break
        n_shared += 1
    packed_ids, packed_labels = list(first.input_ids[:n_shared]), list(first.labels[:n_shared])
    segments = [PREFIX] * n_shared
    for number, own in enumerate(conversations, start=PREFIX + 1):
        packed_ids += own.input_ids[n_shared:]
        packed_labels += own.labels[n_shared:]
        segments += [number] * (len(own.input_ids) - n_shared)
    return PackedConversation(tuple(packed_ids), tuple(packed_labels), tuple(segments))


def _answer_ids(
    tokenizer: PreTrainedTokenizerBase, prompt: str, asked: list[int], answer: str
) -> list[int]:
    """Ids that an answer adds to its prompt, and the end token."""
    whole = encode_with_markers(tokenizer, f"{prompt} {answer}")
    if whole[: len(asked)] != asked:
        raise DataError(
            f"conversation: wanted a tokenizer that keeps {prompt[-20:]!r} apart from what follows,"
            f" found that it joins them before {answer[:20]!r}"
        )
    return [*whole[len(asked) :], tokenizer.eos_token_id]
