from __future__ import annotations

import numpy as np
import pytest
import torch

from posealign_chat_scene.backbone import ChatSceneBackbone
from posealign_chat_scene.encode.encoder import ChatSceneEncoder
from posealign_chat_scene.identifiers import identifier
from posealign_chat_scene.pretraining.appearances import (
    N_LOOKS_APART,
    Appearances,
    draw_objects,
    looks_of,
)
from posealign_chat_scene.pretraining.batches import BatchMaker
from posealign_chat_scene.pretraining.rooms import draw_rows, encoder_of, looks_at, row_of
from posealign_chat_scene.pretraining.train import pretrain
from posealign_chat_scene.pretraining.vocabulary import vocabulary
from posealign_chat_scene.tokenizer import VOCABULARY
from posealign_core.errors import DataError
from posealign_core.language.packing import IGNORED, PADDING, PREFIX
from posealign_rooms.catalogue import COLORS, KINDS
from posealign_rooms.pretraining import PretrainRecipe, RoomBank, draw_room
from posealign_rooms.sampling import scene_of

from .samples import tiny

N = 6
DIM = 64


@pytest.fixture(scope="module")
def layout():
    return draw_room(np.random.default_rng(0), 3)


@pytest.fixture(scope="module")
def looks(layout):
    return looks_at(layout, scene_of(layout), np.random.default_rng(0), n_looks=2)


@pytest.fixture(scope="module")
def items(looks):
    encoder = ChatSceneEncoder(tiny())
    return [encoder.encode(s, train=True, rng=np.random.default_rng(1)) for s in looks]


@pytest.fixture(scope="module")
def rows(items, layout):
    return [row_of(item, looks_of(layout)) for item in items]


def scans(looks, n_dims=DIM):
    """A bank in which each object's features are its number, in `looks`' order, plus 1."""
    values = np.arange(len(looks))[:, None].repeat(n_dims, 1).astype(np.float16)
    row = {"looks": looks, "points": values + 1, "images": -values - 1}
    return RoomBank.of_rows([{**row, "n_objects": np.array(0, np.uint8)}]).entries


def all_looks(copies=1):
    return np.tile(np.arange(N_LOOKS_APART, dtype=np.int16), copies)


def test_the_vocabulary_is_up_to_date():
    assert VOCABULARY.read_text().split() == vocabulary()


def test_rooms_have_questions_without_directions(looks):
    assert len(looks) == 2
    assert all(s.query.extra.get("direction_critical") != "true" for look in looks for s in look)
    assert looks[0][0].scene.objects is not None


def test_a_drawn_room_has_two_looks_and_no_features():
    one, two = draw_rows(encoder_of(tiny(network={"n_slots": 16})), np.random.default_rng(3))
    assert np.array_equal(one["looks"], two["looks"])
    assert len(one["looks"]) == len(one["centers"]) == one["n_objects"]
    assert not np.allclose(one["centers"], two["centers"])
    assert "points" not in one


def test_a_batch_is_the_encoders_under_other_identifiers(items, rows, layout):
    config = tiny()
    encoder, backbone = ChatSceneEncoder(config), ChatSceneBackbone(config).eval()
    first = backbone.network.first_identifier
    bank = RoomBank.of_rows(rows)
    maker = BatchMaker(Appearances(scans(all_looks())), first, N, torch.Generator().manual_seed(0))
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
    n = len(layout.objects)
    assert torch.equal(scene.valid, wanted["valid"])
    assert torch.equal(scene.points[:, :n, 0], torch.tensor(looks_of(layout) + 1.0).expand(2, n))
    assert not scene.points[:, n:].any()
    apart = (scene.centers - wanted["centers"])[scene.valid]
    assert 0.002 < apart.std() < 0.05
    assert (targets != IGNORED).any(1).all()


def test_an_object_looks_like_any_other_of_its_kind_and_colour():
    known = Appearances(scans(all_looks(copies=3)))
    wanted = torch.tensor([0, 7, 7, N_LOOKS_APART - 1]).expand(200, 4)
    points, images = known.choose(wanted, torch.Generator().manual_seed(0))
    rows = points[..., 0].long() - 1
    assert torch.equal(rows % N_LOOKS_APART, wanted)
    assert all(len(column.unique()) == 3 for column in (rows // N_LOOKS_APART).T)
    assert torch.equal(images, -points)


def test_a_pair_of_kind_and_colour_that_nobody_scanned():
    with pytest.raises(DataError, match="found 199; scan more rooms"):
        Appearances(scans(all_looks()[:-1]))


def test_scanned_objects_are_those_of_the_room():
    (row,) = draw_objects(np.random.default_rng(5))
    n = int(row["n_objects"])
    assert row["points"].shape == (n, DIM)
    assert row["images"].shape == (n, DIM)
    assert (row["points"].astype(float).std(1) > 0).all()
    assert row["looks"].max() < N_LOOKS_APART == len(KINDS) * len(COLORS)


def test_training_lowers_the_loss_and_words_learn(rows, tmp_path):
    recipe = PretrainRecipe(steps=12, batch_size=2, max_objects=3, learning_rate=3e-3)
    torch.manual_seed(0)
    before = ChatSceneBackbone(tiny())
    path = tmp_path / "tiny.safetensors"
    looks = Appearances(scans(all_looks()))
    backbone = pretrain(tiny(), RoomBank.of_rows(rows), looks, recipe, path, device="cpu")
    lines = path.with_suffix(".jsonl").read_text().splitlines()
    losses = [float(line.split('"answers": ')[1].split(",")[0]) for line in lines]
    assert losses[-1] < losses[0]
    assert not backbone.network.trains_words
    before.load_published(path).require_exact(str(path))
    wide = ChatSceneBackbone(tiny(network={"ego_features": True}, embed="features"))
    wide.load_published(path).require_exact(str(path))
    assert identifier(0) in backbone.tokenizer.get_vocab()
