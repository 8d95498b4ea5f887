"""The specification's metric fixtures (section 12, test 5), as far as decoding decides them."""

from __future__ import annotations

import numpy as np
import pytest

from posealign_chat_scene.decode import answer_of, text_of
from posealign_chat_scene.encode.answerable import NOBODY, Answerable
from posealign_chat_scene.encode.answers import (
    as_sentence,
    as_sentences,
    many_objects,
    one_object,
    plain_answer,
)
from posealign_chat_scene.tokenizer import load_tokenizer
from posealign_core.vocabulary import Fidelity, TaskKind

CORNERS = np.arange(3 * 24, dtype=float).reshape(3, 8, 3)
IDS = np.array([1, 3, 7])


def known(kind=TaskKind.GROUND, *, many=False, detected=False, shown=None):
    ids = np.full(3, NOBODY) if detected else IDS
    return Answerable(
        kind=kind, many=many, object_ids=ids, corners=CORNERS, shown=shown, detected=detected
    )


def read(text, order=(0, 1, 2, 3), rules=Fidelity.CORRECT, **kwargs):
    return answer_of(text, order, known(**kwargs), rules)


def test_one_object_by_its_slot():
    answer = read("<OBJ001>.", order=(2, 0, 1, 3))
    assert answer.object_ids == (1,)
    assert answer.text == "<OBJ000>."
    assert np.array_equal(answer.corners, CORNERS[:1])


def test_without_an_identifier():
    assert read("the chair").object_ids == ()
    assert len(read("the chair").corners) == 0
    assert read("the chair", rules=Fidelity.RELEASED).object_ids == (1,)


@pytest.mark.parametrize("rules", list(Fidelity))
def test_an_empty_slot_and_one_out_of_range_name_nothing(rules):
    answer = read("<OBJ003> <OBJ777> <OBJ002>.", rules=rules)
    assert answer.object_ids == (7,)
    assert answer.text == "<OBJ003> <OBJ777> <OBJ002>."


def test_the_first_of_two_identifiers_counts_for_one_object():
    assert read("<OBJ002> or <OBJ001>").object_ids == (7,)


def test_many_objects_and_none():
    assert read("Yes. <OBJ000> and <OBJ002>.", many=True).object_ids == (1, 7)
    for rules in Fidelity:
        assert read("No.", many=True, rules=rules).object_ids == ()


def test_repeated_identifiers_count_once_unless_released():
    text = "Yes. <OBJ001> and <OBJ001>."
    assert read(text, many=True).object_ids == (3,)
    assert read(text, many=True, rules=Fidelity.RELEASED).object_ids == (3, 3)


def test_detected_objects_are_boxes_without_ids():
    answer = read("<OBJ001>.", detected=True)
    assert answer.object_ids == ()
    assert np.array_equal(answer.corners, CORNERS[1:2])


def test_a_caption_of_a_detected_object_says_which_box_it_is_about():
    answer = read("A red chair.", kind=TaskKind.CAPTION, detected=True, shown=2)
    assert np.array_equal(answer.corners, CORNERS[2:])
    assert read("A red chair.", kind=TaskKind.CAPTION, shown=2).corners is None


def test_nothing_to_name():
    empty = Answerable(
        kind=TaskKind.GROUND,
        many=False,
        object_ids=np.zeros(0, int),
        corners=None,
        shown=None,
        detected=False,
    )
    for rules in Fidelity:
        assert answer_of("<OBJ000>.", (0, 1), empty, rules).object_ids == ()


def test_forms_of_answers():
    assert one_object(4) == "<OBJ004>."
    assert many_objects([]) == "No."
    assert many_objects([1]) == "Yes. <OBJ001>."
    assert many_objects([1, 2]) == "Yes. <OBJ001> and <OBJ002>."
    assert many_objects([1, 2, 3]) == "Yes. <OBJ001>, <OBJ002>, and <OBJ003>."
    assert as_sentence("on the LEFT") == "On the left."
    assert as_sentences("this is A chair. it is red") == "This is a chair. It is red"
    assert plain_answer("On the left.") == "on the left"
    assert plain_answer(".") == "."


def test_text_ends_with_the_answer():
    tokenizer = load_tokenizer(None, 4)
    ids = tokenizer("Yes. <OBJ001>, and <OBJ003>.", add_special_tokens=False)["input_ids"]
    rest = [tokenizer.eos_token_id, tokenizer.pad_token_id, *ids]
    assert text_of(tokenizer, [*ids, *rest]) == "yes. <OBJ001>, and <OBJ003>."
