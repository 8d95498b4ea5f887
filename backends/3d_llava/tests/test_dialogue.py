from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from posealign_3d_llava.encode.dialogue import Dialogue
from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_3d_llava.texts import TEXT_RULES, TaskTexts
from posealign_core.errors import BackboneError, ConfigError, PoseAlignWarning
from posealign_core.language.texts import load_texts
from posealign_core.vocabulary import AlignMode, Fidelity, TaskKind

from .samples import query_of, sample_of, tiny

TEXTS = TaskTexts(
    answer="<image>\n {question} Shortly.",
    situated_answer="<image>\n {question} One word.",
    ground="<image>\n Find it: \n{description}",
    ground_many="<image>\n Find all: \n{description}",
    caption="<image>\nTell of <loc> here.",
    pose="Here is <pose>. Go on.",
)


def turn_of(sample, *, train=False, leading_space=Fidelity.CORRECT):
    dialogue = Dialogue(TEXTS, leading_space)
    rng = np.random.default_rng(0)
    return dialogue.turns([sample], sample.pose, train=train, rng=rng)[0]


def test_wordings_by_kind():
    questions = {kind: turn_of(sample_of(kind=kind)).question for kind in TaskKind}
    assert questions == {
        TaskKind.ANSWER: "<image>\nis the chair on my left or right Shortly.",
        TaskKind.GROUND: "<image>\nFind it: \nthe chair on my left",
        TaskKind.SELECT: "<image>\nFind it: \nthe chair on my left",
        TaskKind.CAPTION: "<image>\nTell of <loc> here.",
    }
    query = query_of(TaskKind.ANSWER)
    asked = turn_of(sample_of(query=replace(query, situation="I sit.", text="What is {x}?")))
    assert asked.question == "<image>\nI sit. What is {x}? One word."
    many = replace(query_of(TaskKind.GROUND), benchmark="multi3drefer")
    assert turn_of(sample_of(query=many)).question.startswith("<image>\nFind all:")


@pytest.mark.parametrize(
    ("fidelity", "train", "spaced"),
    [(Fidelity.RELEASED, False, True), (Fidelity.RELEASED, True, False)]
    + [(Fidelity.CORRECT, train, False) for train in (True, False)],
)
def test_leading_space(fidelity: Fidelity, train: bool, spaced: bool):
    question = turn_of(sample_of(), train=train, leading_space=fidelity).question
    assert question.startswith("<image>\n is") == spaced


def test_the_correct_prompt_states_the_pose_behind_the_scene_in_training_too():
    sample = sample_of(AlignMode.PROMPT)
    for train in (True, False):
        question = turn_of(sample, train=train).question
        assert question.startswith("<image>\nI stand at (")
        assert question.endswith("). is the chair on my left or right Shortly.")


def test_the_released_prompt_is_absent_in_training_and_before_the_scene_in_evaluation():
    sample = sample_of(AlignMode.PROMPT, fidelity=Fidelity.RELEASED)
    plain = turn_of(sample_of(), train=True).question
    assert turn_of(sample, train=True).question == plain
    question = turn_of(sample).question
    assert question.startswith("Here is position [")
    assert question.endswith(f"]. Go on. {plain}")


def test_answers_to_learn():
    assert turn_of(sample_of(), train=True).answer == "left"
    assert turn_of(sample_of()).answer is None
    assert "[SEG]" in turn_of(sample_of(kind=TaskKind.GROUND), train=True).answer
    nothing = replace(query_of(TaskKind.GROUND), target_ids=())
    assert "[SEG]" not in turn_of(sample_of(query=nothing), train=True).answer
    with pytest.raises(BackboneError, match="no answer to learn from"):
        turn_of(sample_of(query=replace(query_of(TaskKind.ANSWER), references=())), train=True)


def test_each_of_several_questions_is_asked_as_if_alone():
    samples = [sample_of(AlignMode.PROMPT, kind=kind) for kind in TaskKind]
    turns = Dialogue(TEXTS, Fidelity.CORRECT).turns(
        samples, samples[0].pose, train=True, rng=np.random.default_rng(0)
    )
    alone = [turn_of(sample, train=True).question for sample in samples]
    assert [turn.question for turn in turns] == alone


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_file_of_texts_is_checked_against_digests(tmp_path):
    path = tmp_path / "texts.json"
    caption = "<pc>\nSay what <loc> is."
    path.write_text(json.dumps({"caption": caption}))
    texts = load_texts(TaskTexts(), path, {"caption": digest(caption)}, TEXT_RULES)
    assert texts.caption == "<image>\nSay what <loc> is."
    assert texts.answer == TaskTexts().answer
    with pytest.raises(ConfigError, match="caption: wanted the text with SHA-256 abc"):
        load_texts(TaskTexts(), path, {"caption": "abc"}, TEXT_RULES)


def test_faults_of_a_file_of_texts_are_named_at_once(tmp_path):
    path = tmp_path / "texts.json"
    path.write_text(json.dumps({"anwser": "x", "answer": "no marker"}))
    with pytest.raises(ConfigError) as caught:
        load_texts(TaskTexts(), path, {}, TEXT_RULES)
    assert len(caught.value.faults) == 3
    assert "anwser: wanted one of" in str(caught.value)
    assert "wanted the marker {question}" in str(caught.value)


def test_our_own_wording_in_place_of_the_published_is_announced():
    with pytest.warns(PoseAlignWarning, match="our own wording stands in for answer, system"):
        LlavaEncoder(tiny(text_digests={"answer": "0", "system": "1"}))
