from __future__ import annotations

import numpy as np
import pytest
import torch

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.generation import generate
from posealign_chat_scene.model.network import Row
from posealign_core.errors import BackboneError
from posealign_core.structures import GenerationOptions
from posealign_core.testing.toy_scenes import pose_towards, toy_queries, toy_scene
from posealign_core.vocabulary import AlignMode

from .samples import sample_of, tiny

PUBLISHED = GenerationOptions(max_new_tokens=8, num_beams=5, repetition_penalty=3.0)


@pytest.fixture(scope="module")
def backbone():
    torch.manual_seed(0)
    return ChatSceneBackbone(tiny()).eval()


def batch_of(samples, *, train=False, config=None):
    config = config or tiny()
    encoder = ChatSceneEncoder(config)
    rng = np.random.default_rng(0)
    return encoder.collate([encoder.encode([s], train=train, rng=rng) for s in samples])


def answered(backbone, samples, options=PUBLISHED):
    with torch.no_grad():
        return backbone.generate(batch_of(samples), options)


def test_a_batch_is_answered_as_one_by_one_with_the_published_settings(backbone):
    samples = [
        sample_of(AlignMode.EMBED, query=query, scene=toy_scene(n_objects=n), pose=pose_towards(n))
        for n in (4, 2)
        for query in toy_queries()
    ]
    together = answered(backbone, samples)
    alone = [answered(backbone, [sample])[0] for sample in samples]
    assert [a.text for a in together] == [a.text for a in alone]
    assert [a.object_ids for a in together] == [a.object_ids for a in alone]


def test_no_answer_is_empty(backbone):
    eager = ChatSceneBackbone(tiny()).eval()
    end = eager.tokenizer.eos_token_id
    with torch.no_grad():
        eager.network.llama_model.model.norm.weight.zero_()
        eager.network.llama_model.lm_head = torch.nn.Linear(32, len(eager.tokenizer))
        eager.network.llama_model.lm_head.bias[end] = 50.0
    batch = batch_of([sample_of()])
    objects = eager.network.object_tokens(eager._scene(batch))
    row = Row(batch["tokens"], batch["segments"], batch["positions"])
    ids = generate(eager.network, row, objects, GenerationOptions(max_new_tokens=3))
    assert ids[0, 0] != end
    assert ids[0, 1] == end


def test_a_question_that_is_too_long_is_refused():
    config = tiny(llm={"max_length": 40})
    backbone = ChatSceneBackbone(config).eval()
    with pytest.raises(BackboneError, match="at most 40 tokens"):
        backbone.generate(batch_of([sample_of()], config=config), PUBLISHED)


def test_missing_features_come_with_the_answer(backbone):
    few = toy_scene(points_per_object=4)
    full, bare = answered(backbone, [sample_of(), sample_of(scene=few)])
    name = "3-D features of objects"
    assert (full.missing_inputs[name], bare.missing_inputs[name]) == (0, 4)


def test_cut_tokens_and_missing_features_are_logged(backbone):
    few = toy_scene(points_per_object=4)
    samples = [sample_of(), sample_of(scene=few)]
    logs = backbone(batch_of(samples, train=True)).logs
    assert logs["missing_point_features"] == 2.0
    assert logs["cut_tokens"] == 0.0
