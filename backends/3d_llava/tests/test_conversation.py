from __future__ import annotations

import pytest
from tokenizers import Tokenizer, models, trainers
from transformers import PreTrainedTokenizerFast

from posealign_3d_llava.model.conversation import (
    EncodedConversation,
    Turn,
    encode_conversation,
    pack,
)
from posealign_3d_llava.model.special_tokens import (
    IGNORE_INDEX,
    IMAGE_INDEX,
    LOC_INDEX,
    SEG_TOKEN,
    add_seg_token,
    encode_with_markers,
)
from posealign_core.errors import DataError

from .tokenizers_for_tests import llama_like_tokenizer

SYSTEM = "A chat between a person and an assistant."
CONVERSATIONS = [
    [Turn("<image>\nWhat is left of the table?", "a brown chair")],
    [Turn("<image>\n What is left of the table?", "a brown chair")],
    [Turn("<image>\nPlease segment it: the lamp", "Sure, it is [SEG].")],
    [Turn("<image>\nDescribe this object <loc> in the given scene.", "It is on the desk.")],
    [
        Turn("<image>\nWhere is the lamp?", "on the desk"),
        Turn("Please segment it.", "[SEG]"),
        Turn("What is left of the table?", "a chair"),
    ],
]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return llama_like_tokenizer()


def published(tokenizer: PreTrainedTokenizerFast, turns: list[Turn]) -> tuple[list[int], list[int]]:
    """Sections 4.2 to 4.4 to the letter: the whole string at once, labels by counting tokens."""

    def tok(text: str) -> list[int]:
        ids = [tokenizer.bos_token_id]
        for i, part in enumerate(text.split("<image>")):
            if i:
                ids.append(IMAGE_INDEX)
            for j, piece in enumerate(part.split("<loc>")):
                if j:
                    ids.append(LOC_INDEX)
                if piece:
                    ids += tokenizer(piece, add_special_tokens=False)["input_ids"]
        return ids

    text = SYSTEM + " "
    for turn in turns:
        text += f"USER: {turn.question} ASSISTANT: {turn.answer}</s>"
    ids = tok(text)
    labels, position = list(ids), 1
    labels[0] = IGNORE_INDEX
    for one_round in text.split("</s>"):
        if not one_round:
            break
        instruction = one_round.split(" ASSISTANT: ")[0] + " ASSISTANT: "
        n_masked = len(tok(instruction)) - 2
        labels[position : position + n_masked] = [IGNORE_INDEX] * n_masked
        position += len(tok(one_round))
    assert position == len(ids), "the release would ignore this sample"
    return ids, labels


@pytest.mark.parametrize("turns", CONVERSATIONS)
def test_ids_and_labels_are_those_of_the_release(tokenizer, turns: list[Turn]):
    encoded = encode_conversation(tokenizer, turns, system=SYSTEM)
    ids, labels = published(tokenizer, turns)
    assert list(encoded.input_ids) == ids
    assert list(encoded.labels) == labels


def test_only_answers_and_their_ends_are_supervised(tokenizer):
    encoded = encode_conversation(tokenizer, CONVERSATIONS[4], system=SYSTEM)
    said = [i for i in encoded.labels if i != IGNORE_INDEX]
    text = "".join(tokenizer.convert_ids_to_tokens(said))
    assert text == "▁on▁the▁desk</s>▁[SEG]</s>▁a▁chair</s>"
    assert len(encoded.labels) == len(encoded.input_ids)


def test_a_prompt_is_the_beginning_of_its_training_sequence(tokenizer):
    asked = encode_conversation(
        tokenizer, [Turn(CONVERSATIONS[2][0].question, None)], system=SYSTEM
    )
    trained = encode_conversation(tokenizer, CONVERSATIONS[2], system=SYSTEM)
    n = len(asked.input_ids)
    assert trained.input_ids[:n] == asked.input_ids
    assert set(asked.labels) == {IGNORE_INDEX}
    assert trained.labels[n] != IGNORE_INDEX


def test_markers_stand_between_pieces_encoded_alone(tokenizer):
    ids = encode_with_markers(tokenizer, "a <loc> chair<image>\nWhat")
    before, between, after = (
        tokenizer(piece, add_special_tokens=False)["input_ids"]
        for piece in ("a ", " chair", "\nWhat")
    )
    assert ids == [*before, LOC_INDEX, *between, IMAGE_INDEX, *after]
    assert encode_with_markers(tokenizer, "<image>") == [IMAGE_INDEX]
    assert encode_with_markers(tokenizer, "") == []


def test_seg_is_one_token_and_added_once(tokenizer):
    seg = add_seg_token(tokenizer)
    assert seg == len(tokenizer) - 1 == add_seg_token(tokenizer)
    ids = encode_with_markers(tokenizer, f"it is {SEG_TOKEN}.")
    assert ids.count(seg) == 1
    assert SEG_TOKEN in tokenizer.decode(ids)
    assert SEG_TOKEN not in tokenizer.decode(ids, skip_special_tokens=True)


def test_a_tokenizer_that_joins_answer_and_prompt_is_refused():
    joined = Tokenizer(models.BPE(unk_token="<unk>"))
    trainer = trainers.BpeTrainer(
        special_tokens=["<unk>", "<s>", "</s>"], initial_alphabet=["A"], show_progress=False
    )
    joined.train_from_iterator(["ASSISTANT: yes"] * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=joined, bos_token="<s>", eos_token="</s>")
    with pytest.raises(DataError, match="it joins them before 'yes'"):
        encode_conversation(fast, [Turn("a", "yes")], system="A")


@pytest.mark.parametrize("turns", [[], [Turn("a", None), Turn("b", "c")]])
def test_conversations_that_cannot_be_trained_on(tokenizer, turns: list[Turn]):
    with pytest.raises(DataError, match="an answer in all but the last"):
        encode_conversation(tokenizer, turns, system=SYSTEM)


def test_packed_captions_keep_a_prompt_marker_each():
    same = EncodedConversation((1, IMAGE_INDEX, LOC_INDEX, 7, 8), (*[IGNORE_INDEX] * 4, 8))
    packed = pack([same, same])
    assert packed.input_ids == (1, IMAGE_INDEX, LOC_INDEX, 7, 8, LOC_INDEX, 7, 8)
    assert packed.segments == (0, 0, 1, 1, 1, 2, 2, 2)
    assert pack([same]).input_ids == same.input_ids
