from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from posealign_chat_scene.decode import text_of
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.model.network import IMAGE_TOKEN, POINT_TOKEN
from posealign_chat_scene.tokenizer import load_tokenizer
from posealign_core.errors import BackboneError, DataError
from posealign_core.language.packing import IGNORED, PADDING, PREFIX
from posealign_core.structures import ObjectTable
from posealign_core.testing.toy_scenes import toy_queries, toy_scene
from posealign_core.vocabulary import AlignMode, Fidelity, TaskKind

from .samples import encoded, query_of, sample_of, tiny

N = 6
TOKENIZER = load_tokenizer(None, N)
FIRST = len(TOKENIZER) - N


def said(item) -> str:
    """What is supervised, which ends with the end token."""
    ids = item["tokens"][item["targets"] != IGNORED].tolist()
    assert ids[-1] == TOKENIZER.eos_token_id
    return text_of(TOKENIZER, ids)


def asked(item) -> str:
    question = (item["segments"] > PREFIX) & (item["targets"] == IGNORED)
    return TOKENIZER.decode(item["tokens"][question]).strip()


def test_the_prefix_has_three_tokens_per_slot():
    item = encoded(sample_of())
    prefix = item["tokens"][item["segments"] == PREFIX].tolist()
    start = prefix.index(FIRST)
    block = [t for i in range(N) for t in (FIRST + i, POINT_TOKEN, IMAGE_TOKEN)]
    assert prefix[0] == TOKENIZER.bos_token_id
    assert prefix[start : start + 3 * N] == block
    assert TOKENIZER.decode(prefix[start + 3 * N :]).replace(" ", "") == "].user:"


def test_only_the_answer_and_its_end_are_supervised():
    item = encoded(sample_of(), train=True)
    assert said(item) == "left."
    assert asked(item).endswith("assistant :")
    assert (item["targets"][: len(item["tokens"]) - 3] == IGNORED).all()


@pytest.mark.parametrize("kind", [TaskKind.GROUND, TaskKind.SELECT])
def test_targets_are_named_by_the_slot_that_they_are_in(kind):
    for seed in range(4):
        item = encoded(sample_of(kind=kind), train=True, seed=seed)
        slot = item["order"].tolist().index(0)  # the chair is row 0
        assert said(item) == f"<OBJ{slot:03}>."


def test_many_targets_are_named_by_ascending_object():
    query = dataclasses.replace(
        query_of(TaskKind.GROUND), benchmark="multi3drefer", target_ids=(7, 1)
    )
    item = encoded(sample_of(query=query), train=True)
    order = item["order"].tolist()
    first, second = order.index(0), order.index(3)
    assert said(item) == f"yes. <OBJ{first:03}> and <OBJ{second:03}>."
    nothing = dataclasses.replace(query, target_ids=())
    assert said(encoded(sample_of(query=nothing), train=True)) == "no."


def test_a_caption_is_asked_about_the_slot_of_its_object():
    item = encoded(sample_of(kind=TaskKind.CAPTION), train=True, seed=3)
    slot = item["order"].tolist().index(0)
    assert f"<OBJ{slot:03}>" in asked(item)
    assert said(item) == "a red chair"


def test_training_shuffles_and_evaluation_does_not_unless_released():
    sample = sample_of()
    assert encoded(sample)["order"].tolist() == list(range(N))
    orders = {tuple(encoded(sample, train=True, seed=s)["order"].tolist()) for s in range(5)}
    assert len(orders) > 1
    released = tiny(test_order=Fidelity.RELEASED)
    drawn = [encoded(sample, config=released, seed=s)["order"].tolist() for s in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert sorted(drawn[0]) == list(range(N))


def test_released_evaluation_has_a_space_before_the_question():
    sample, config = sample_of(), tiny(leading_space=Fidelity.RELEASED)
    encoder = ChatSceneEncoder(config)
    assert encoder._dialogue.question(sample, None, None, train=False).startswith(" ")
    assert not encoder._dialogue.question(sample, None, None, train=True).startswith(" ")


def test_places_are_those_along_the_axes():
    scene = toy_scene()
    item = encoded(sample_of())
    wanted = scene.aligned_from_world.apply(scene.objects.centers)
    assert np.allclose(item["centers"][:4].numpy(), wanted, atol=1e-6)
    assert item["valid"].tolist() == [True] * 4 + [False] * 2
    assert not item["centers"][4:].any()
    assert not item["points"][4:].any()
    assert item["points"][:4].any(1).all()


def test_questions_share_a_row_when_packed():
    samples = [sample_of(query=query) for query in toy_queries()]
    item = encoded(*samples, train=True)
    assert item["segments"].unique().tolist() == [0, 1, 2, 3, 4]
    first = encoded(samples[0], train=True)
    segment = item["segments"] == 1
    assert torch.equal(item["positions"][segment], first["positions"][first["segments"] == 1])


def test_collation_pads_on_the_left():
    encoder = ChatSceneEncoder(tiny())
    items = [
        encoded(sample_of(kind=kind), train=True) for kind in (TaskKind.ANSWER, TaskKind.GROUND)
    ]
    batch = encoder.collate(items)
    shorter = min(range(2), key=lambda i: len(items[i]["tokens"]))
    n = len(items[shorter]["tokens"])
    assert torch.equal(batch["tokens"][shorter, -n:], items[shorter]["tokens"])
    assert (batch["segments"][shorter, :-n] == PADDING).all()
    assert batch["points"].shape == (2, N, 64)


def test_what_is_too_long_loses_its_end_in_training():
    config = tiny(llm={"max_length": 40})
    whole, cut = (encoded(sample_of(), config=c, train=True) for c in (tiny(), config))
    assert cut["n_cut"] == len(whole["tokens"]) - 40
    assert torch.equal(cut["tokens"], whole["tokens"][:40])


# Bad input.


def crowded(n: int):
    scene = toy_scene()
    centers = np.column_stack([np.arange(n), np.zeros(n), np.zeros(n)]).astype(float)
    table = ObjectTable(
        object_ids=np.arange(1, n + 1),
        labels=("chair",) * n,
        centers=centers,
        corners=np.repeat(centers[:, None], 8, 1)
        + np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, 8).T,
    )
    return dataclasses.replace(scene, objects=table)


def test_of_more_objects_than_slots_the_first_are_seen():
    item = encoded(sample_of(scene=crowded(9)))
    assert item["valid"].all()
    assert item["answerable"].object_ids.tolist() == [1, 2, 3, 4, 5, 6]


def test_what_is_to_be_described_is_seen_in_any_case():
    query = dataclasses.replace(
        query_of(TaskKind.CAPTION),
        region=dataclasses.replace(query_of(TaskKind.CAPTION).region, object_id=9),
    )
    item = encoded(sample_of(query=query, scene=crowded(9)))
    assert item["answerable"].object_ids.tolist() == [1, 2, 3, 4, 5, 9]
    assert item["answerable"].shown == 5
    assert "<OBJ005>" in asked(item)


def test_what_is_to_be_found_is_seen_in_training_alone():
    query = dataclasses.replace(query_of(TaskKind.GROUND), target_ids=(8,))
    sample = sample_of(query=query, scene=crowded(9))
    slot = encoded(sample, train=True)["order"].tolist().index(5)
    assert said(encoded(sample, train=True)) == f"<OBJ{slot:03}>."
    assert 8 not in encoded(sample)["answerable"].object_ids


def test_no_objects():
    item = encoded(sample_of(scene=toy_scene(n_objects=0)))
    assert not item["valid"].any()
    assert len(item["answerable"]) == 0


def test_nothing_to_describe():
    with pytest.raises(BackboneError, match="object to describe"):
        encoded(sample_of(kind=TaskKind.CAPTION, scene=toy_scene(n_objects=0)))


def test_places_that_are_not_finite():
    scene = toy_scene()
    centers = scene.objects.centers.copy()
    centers[2] = np.nan
    broken = dataclasses.replace(scene, objects=dataclasses.replace(scene.objects, centers=centers))
    with pytest.raises(DataError, match=r"finite places .* \[4\]"):
        encoded(sample_of(scene=broken))


def test_a_target_that_is_not_in_the_scene():
    query = dataclasses.replace(query_of(TaskKind.GROUND), target_ids=(99,))
    with pytest.raises(DataError, match=r"objects \[99\]"):
        encoded(sample_of(query=query), train=True)


def test_no_answer_to_learn_from():
    query = dataclasses.replace(query_of(TaskKind.ANSWER), references=())
    with pytest.raises(BackboneError, match="no answer"):
        encoded(sample_of(query=query), train=True)


def test_missing_features_are_counted():
    scene = toy_scene(points_per_object=4)  # too few to be encoded in 3-D
    item = encoded(sample_of(scene=scene))
    assert item["n_missing"][0] == 4
    assert not item["points"].any()


def test_boxes_for_scores_are_the_scene_s_own_whatever_the_pose():
    scene = toy_scene()
    for modes in ((), (AlignMode.TRANSFORM,), (AlignMode.EMBED,), tuple(AlignMode)):
        sample = sample_of(*modes)
        corners = encoded(sample)["answerable"].corners
        back = sample.input_from_world.inverse()
        assert np.allclose(back.apply(corners), scene.objects.corners, atol=1e-9)
