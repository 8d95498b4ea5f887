from __future__ import annotations

import numpy as np
import pytest
import torch

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.identifiers import identifier
from posealign_chat_scene.pretraining.batches import BatchMaker
from posealign_chat_scene.pretraining.rooms import rooms_from, row_of
from posealign_chat_scene.pretraining.train import pretrain
from posealign_chat_scene.pretraining.vocabulary import vocabulary
from posealign_chat_scene.tokenizer import VOCABULARY
from posealign_core.language.packing import IGNORED, PADDING, PREFIX
from posealign_rooms.pretraining import PretrainRecipe, RoomBank

from .samples import tiny

N = 6


@pytest.fixture(scope="module")
def looks():
    return rooms_from(np.random.default_rng(0), 3, n_looks=2)


@pytest.fixture(scope="module")
def items(looks):
    encoder = ChatSceneEncoder(tiny())
    return [encoder.encode(s, train=True, rng=np.random.default_rng(1)) for s in looks]


def test_the_vocabulary_is_up_to_date():
    assert VOCABULARY.read_text().split() == vocabulary()


def test_rooms_have_questions_without_directions(looks):
    assert len(looks) == 2
    assert all(s.query.extra.get("direction_critical") != "true" for look in looks for s in look)
    assert looks[0][0].scene.objects is not None


def test_a_batch_is_the_encoders_under_other_identifiers(items):
    config = tiny()
    encoder, backbone = ChatSceneEncoder(config), ChatSceneBackbone(config).eval()
    first = backbone.network.first_identifier
    bank = RoomBank.of_rows([row_of(item) for item in items])
    maker = BatchMaker(first, N, torch.Generator().manual_seed(0))
    row, targets, scene = maker(bank.rows_of(torch.tensor([0, 1])))
    wanted = encoder.collate(items)
    assert torch.equal(row.segments, wanted["segments"])
    inside = row.segments != PADDING
    assert torch.equal(row.positions[inside], wanted["positions"][inside])
    assert not torch.equal(scene.order, wanted["order"])
    prefix = row.segments == PREFIX
    assert torch.equal(row.tokens[prefix], wanted["tokens"][prefix])

    def objects_named(ids, order):
        """Each identifier of questions and answers as the object that it means."""
        slots = ids - first
        named = (slots >= 0) & (slots < N) & (row.segments > PREFIX)
        return torch.where(named, -order.gather(1, slots.clamp(0, N - 1)) - 10, ids)

    for mine, theirs in ((row.tokens, wanted["tokens"]), (targets, wanted["targets"])):
        assert torch.equal(objects_named(mine, scene.order), objects_named(theirs, wanted["order"]))
    for name in ("points", "images", "centers"):
        assert torch.allclose(getattr(scene, name), wanted[name], atol=2e-2)
    assert (targets != IGNORED).any(1).all()


def test_training_lowers_the_loss_and_words_learn(items, tmp_path):
    bank = RoomBank.of_rows([row_of(item) for item in items])
    recipe = PretrainRecipe(steps=12, batch_size=2, max_objects=3, learning_rate=3e-3)
    torch.manual_seed(0)
    before = ChatSceneBackbone(tiny())
    path = tmp_path / "tiny.safetensors"
    backbone = pretrain(tiny(), bank, recipe, path, device="cpu")
    lines = path.with_suffix(".jsonl").read_text().splitlines()
    losses = [float(line.split('"answers": ')[1].split(",")[0]) for line in lines]
    assert losses[-1] < losses[0]
    assert not backbone.network.trains_words
    before.load_published(path).require_exact(str(path))
    wide = ChatSceneBackbone(tiny(network={"ego_features": True}, embed="features"))
    wide.load_published(path).require_exact(str(path))
    assert identifier(0) in backbone.tokenizer.get_vocab()
