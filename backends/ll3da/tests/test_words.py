from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from posealign_core.errors import BackboneError, ConfigError, PoseAlignWarning
from posealign_core.language.texts import load_texts
from posealign_core.vocabulary import AlignMode, TaskKind
from posealign_ll3da.encode.instructions import Instructions
from posealign_ll3da.encode.words import Words
from posealign_ll3da.texts import TEXT_RULES, TaskTexts
from posealign_ll3da.tokenizer import load_tokenizers

from .samples import query_of, sample_of, tiny

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = TaskTexts(turn="Q {body} A")
PLACE = "<obj>1, 2, 3, 4, 5, 6</obj>"


def taught(sample, places: str, n: int = 40) -> set[tuple[str, str]]:
    rng = np.random.default_rng(0)
    return {Instructions(TEXTS).taught(sample, None, places, rng) for _ in range(n)}


def test_a_question_is_lower_case_and_has_one_wording_when_asked():
    query = replace(query_of(TaskKind.ANSWER), text="Is it RED?", situation="I sit.")
    asked = Instructions(TEXTS).asked(sample_of(query=query), None)
    assert asked == "Q about this room: I sit. is it red? A"


def test_wordings_with_a_place_are_drawn_only_where_there_is_one():
    sample = sample_of()
    assert {reply for _, reply in taught(sample, "")} == {"left"}
    assert len(taught(sample, "")) == 2
    assert {reply for _, reply in taught(sample, PLACE)} == {
        "left", f"left, about the objects at {PLACE}", f"about the objects at {PLACE}, left",
    }  # fmt: skip
    assert len(taught(sample, PLACE)) == 4


def test_captions_are_taught_as_words_between_blanks():
    query = replace(query_of(TaskKind.CAPTION), references=("A red chair.",))
    sample = sample_of(query=query)
    assert {reply for _, reply in taught(sample, "")} == {"a red chair ."}
    assert len(taught(sample, PLACE, 100)) == 6


def test_descriptions_are_answered_with_places():
    assert {r for _, r in taught(sample_of(kind=TaskKind.GROUND), PLACE)} == {PLACE}
    nothing = replace(query_of(TaskKind.GROUND), target_ids=())
    assert {r for _, r in taught(sample_of(query=nothing), "")} == {"nowhere"}
    with pytest.raises(BackboneError, match="wanted boxes of the objects"):
        taught(sample_of(kind=TaskKind.SELECT), "")


def test_a_question_without_an_answer_is_refused():
    query = replace(query_of(TaskKind.ANSWER), references=())
    with pytest.raises(BackboneError, match="no answer to learn from"):
        taught(sample_of(query=query), "")


def test_a_pose_is_stated_before_the_question():
    sample = sample_of(AlignMode.PROMPT)
    asked = Instructions(TEXTS).asked(sample, sample.pose)
    assert asked.startswith("Q I stand at (")
    assert asked.endswith(". about this room: is the chair on my left or right A")


@pytest.fixture(scope="module")
def words() -> Words:
    return Words(load_tokenizers(tiny()), 40)


def test_the_answer_is_what_follows_the_instruction(words: Words):
    tokenizer = load_tokenizers(tiny()).llm
    found = words.taught("user: where assistant:", "on the left")
    assert tokenizer.decode(found.llm[found.answer]) == "on the left </s>"
    assert tokenizer.decode(found.llm[~found.answer]) == "user : where assistant :"
    assert int(found.answer.sum()) == 4
    assert found.qformer.tolist() == words.asked("user: where assistant:").llm.tolist()
    assert found.n_cut == 0


def test_numbers_of_a_box_are_one_token_each(words: Words):
    assert len(words.asked("<obj>0, 17, 255, 99, 100, 254</obj>").llm) == 18


def test_what_is_too_long_is_cut_or_refused(words: Words):
    found = words.taught("a " * 30, "left " * 20)
    assert (len(found.llm), found.n_cut, int(found.answer.sum())) == (40, 11, 10)
    with pytest.raises(BackboneError, match="at most 40 tokens, found one of 41"):
        words.asked("a " * 41)
    with pytest.raises(BackboneError, match="wanted room for a reply"):
        words.taught("a " * 40, "left")


def test_published_wordings_are_known_by_their_digest(tmp_path: Path):
    text = "given a room: {question}"
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"answer": text}))
    digests = {"answer": hashlib.sha256(text.encode()).hexdigest()}
    assert load_texts(TaskTexts(), path, digests, TEXT_RULES).answer == text
    with pytest.raises(ConfigError, match="SHA-256"):
        load_texts(TaskTexts(), path, {"answer": "0" * 64}, TEXT_RULES)
    with pytest.warns(PoseAlignWarning, match="ll3da: our own wording"):
        load_texts(TaskTexts(), None, digests, TEXT_RULES)
