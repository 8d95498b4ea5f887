from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.align.prompt import POSE_TEMPLATE
from posealign_core.vocabulary import TaskKind
from posealign_rooms.lexicon import lexicon
from posealign_template.tokens import END, PAD, REPLY, Tokenizer

WORDS = ["chair", "left", ",", ".", "?", "(", ")", "-", *"0123456789"]
TOKENIZER = Tokenizer(n_slots=4, n_unknown=16, words=WORDS)


@pytest.mark.parametrize(
    "text", ["left, chair?", "chair.", "(1.50, -0.25) left", "chair 12, left 3", ""]
)
def test_known_text_survives(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text), {}) == text
    assert TOKENIZER.encode(text.upper()) == TOKENIZER.encode(text)


def test_digits_and_signs_are_single_tokens() -> None:
    ids = TOKENIZER.encode("-1.25")
    assert [TOKENIZER.decode([i], {}) for i in ids] == ["-", "1", ".", "2", "5"]


@given(st.from_regex(r"[a-z]{1,12}", fullmatch=True).filter(lambda w: w not in WORDS))
def test_unknown_words_are_spelled_back(word: str) -> None:
    ids = TOKENIZER.encode(f"the {word}")
    spelling = TOKENIZER.spelling([word])
    assert len(ids) == 2
    assert max(ids) < len(TOKENIZER)
    assert TOKENIZER.decode(ids[1:], spelling) == word


def test_unknown_plural_is_the_same_token_as_its_singular() -> None:
    assert TOKENIZER.encode("blicket") == TOKENIZER.encode("blickets")


def test_unknown_token_that_nobody_wrote_is_said_to_be_unknown() -> None:
    assert TOKENIZER.decode(TOKENIZER.encode("zebra"), {}) == "unknown"


def test_special_tokens_slots_and_words_are_distinct() -> None:
    special = {PAD, END, REPLY, *(TOKENIZER.kind(kind) for kind in TaskKind)}
    slots = {TOKENIZER.slot(i) for i in range(4)}
    words = {i for word in [*WORDS, "zebra"] for i in TOKENIZER.encode(word)}
    assert len(special) == 3 + len(TaskKind)
    assert not special & slots
    assert not (special | slots) & words


def test_slots_are_read_in_order_without_repeats() -> None:
    ids = [TOKENIZER.slot(2), *TOKENIZER.encode("chair"), TOKENIZER.slot(0), TOKENIZER.slot(2)]
    assert TOKENIZER.slots_in(ids) == [2, 0]
    assert TOKENIZER.decode(ids, {}) == "obj2 chair obj0 obj2"


def test_decoding_stops_at_the_end_token() -> None:
    assert TOKENIZER.decode([*TOKENIZER.encode("left"), END, PAD], {}) == "left"


def test_shipped_vocabulary_knows_rooms_and_poses() -> None:
    shipped = Tokenizer(n_slots=1, n_unknown=1)
    numbers = dict.fromkeys(("position", "front", "left", "up"), "(1.00, -2.50, 0.37)")
    assert shipped.spelling([*lexicon(), POSE_TEMPLATE.format(**numbers)]) == {}
