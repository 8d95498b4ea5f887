from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from posealign_core.vocabulary import TaskKind
from posealign_rooms.catalogue import COLORS
from posealign_template.config import TemplateConfig
from posealign_template.encoder import IGNORED, PADDING, TemplateEncoder
from posealign_template.objects import objects_of
from posealign_template.pretraining.bank import RoomBank, _row, draw_rooms
from posealign_template.pretraining.rooms import sample_room
from posealign_template.pretraining.train import TrainRecipe, train
from posealign_template.pretraining.vocabulary import vocabulary
from posealign_template.tokens import Tokenizer, shipped_words

DIRECTIONS = r"\b(left|right|leftmost|rightmost|front|behind|ahead)\b"


@pytest.fixture(scope="module")
def rooms():
    """Some rooms, each a list of samples."""
    rng = np.random.default_rng(5)
    drawn = [sample_room(rng, int(rng.integers(2, 10))) for _ in range(150)]
    return [room for room in drawn if room]


def test_no_word_for_a_direction_is_ever_asked_or_answered(rooms) -> None:
    texts = [" ".join((s.query.text, *s.query.references)) for room in rooms for s in room]
    assert len(texts) > 800
    assert not [text for text in texts if re.search(DIRECTIONS, text)]


def test_every_kind_of_answer_is_learned(rooms) -> None:
    assert {s.query.kind for room in rooms for s in room} == set(TaskKind)


def _named(sample, name: str) -> int:
    """Row of the one object that "the chair" or "the red chair" means."""
    objects, scene = sample.scene.objects, sample.scene
    tints = [scene.colors[scene.instance_ids == i].mean(axis=0) for i in objects.object_ids]
    names = [
        {label, f"{_color(t)} {label}"} for t, label in zip(tints, objects.labels, strict=True)
    ]
    (row,) = [k for k, known in enumerate(names) if name.removeprefix("the ") in known]
    return row


def _color(rgb) -> str:
    return min(COLORS, key=lambda name: np.linalg.norm(np.subtract(COLORS[name], rgb)))


def test_comparisons_of_coordinates_are_true(rooms) -> None:
    checked = 0
    for sample in (s for room in rooms for s in room):
        found = re.fullmatch(
            r"is the ([xyz]) of (the .*) larger than (the .*)\?", sample.query.text
        )
        if not found:
            continue
        i, j = (_named(sample, found[k]) for k in (2, 3))
        k = "xyz".index(found[1])
        lead = sample.scene.objects.centers[i, k] - sample.scene.objects.centers[j, k]
        assert sample.query.references == ("yes" if lead > 0 else "no",)
        checked += 1
    assert checked > 40


def test_farthest_object_is_farthest_of_its_kind(rooms) -> None:
    checked = 0
    for sample in (s for room in rooms for s in room):
        found = re.fullmatch(r"the (.*) with the (largest|smallest) ([xyz])\.", sample.query.text)
        if not found:
            continue
        objects = sample.scene.objects
        values = objects.centers[:, "xyz".index(found[3])] * (1 if found[2] == "largest" else -1)
        alike = [k for k, name in enumerate(objects.labels) if found[1] in (name, "object")]
        best = max(alike, key=lambda k: values[k])
        assert sample.query.target_ids == (objects.object_ids[best],)
        checked += 1
    assert checked > 40


def test_colours_are_called_what_the_questions_call_them(rooms) -> None:
    first = [room[0].scene for room in rooms]
    for scene in first:
        called = [name.split()[0] for name in objects_of(scene).names]
        tints = [scene.colors[scene.instance_ids == i][0] for i in scene.objects.object_ids]
        assert called == [_color(tint) for tint in tints]


def test_bank_gives_back_what_the_encoder_made() -> None:
    arrays = draw_rooms((0, 0), 6)
    bank = RoomBank(arrays, "cpu")
    rows = torch.arange(6)
    batch = bank.batch(rows, torch.Generator().manual_seed(0))
    order = np.argsort(arrays["n_objects"], kind="stable")
    stored = torch.from_numpy(arrays["tokens"][order].astype(np.int64))[
        :, -batch["tokens"].shape[1] :
    ]
    slots = (stored >= bank._first_slot) & (stored < bank._first_slot + TemplateConfig.n_slots)
    assert torch.equal(batch["tokens"][~slots], stored[~slots])
    assert not torch.equal(batch["tokens"][slots], stored[slots])
    for row in range(6):
        old, new = (t[row][slots[row]].tolist() for t in (stored, batch["tokens"]))
        renamed = dict(zip(old, new, strict=True))
        assert len(set(renamed.values())) == len(renamed) >= batch["n_objects"][row]
        assert [renamed[slot] for slot in old] == new


def test_bank_derives_targets_and_positions_as_the_encoder_does(rooms) -> None:
    encoder = TemplateEncoder(TemplateConfig(pretrained=False))
    items = [
        encoder.encode(room[:4], train=True, rng=np.random.default_rng(0)) for room in rooms[:8]
    ]
    stacked = [_row(item) for item in items]
    arrays = {name: np.stack([row[name] for row in stacked]) for name in stacked[0]}
    order = np.argsort(arrays["n_objects"], kind="stable")
    expected = encoder.collate([items[i] for i in order])
    batch = RoomBank(arrays, "cpu").batch(torch.arange(8), torch.Generator())
    assert torch.equal(batch["segments"], expected["segments"])
    assert torch.equal(batch["targets"] == IGNORED, expected["targets"] == IGNORED)
    inside = batch["segments"] != PADDING
    assert torch.equal(batch["positions"][inside], expected["positions"][inside])
    assert torch.equal(batch["names"], torch.nn.functional.pad(expected["names"], (0, 3))[:, :3])
    torch.testing.assert_close(batch["attributes"], expected["attributes"], atol=5e-3, rtol=1e-3)


def test_curriculum_grows_from_two_objects() -> None:
    recipe = TrainRecipe(steps=100, growth=0.5)
    sizes = [recipe.largest_room(step) for step in range(100)]
    assert sizes[0] == 2
    assert sizes[50:] == [12] * 50
    assert sizes == sorted(sizes)
    bank = RoomBank({"n_objects": np.array([4, 2, 3, 2])}, "cpu")
    assert [bank.n_up_to(n) for n in (2, 3, 4, 12)] == [2, 3, 4, 4]


def test_training_lowers_the_loss_and_writes_weights(tmp_path) -> None:
    bank = RoomBank(draw_rooms((0, 1), 12), "cpu")
    recipe = TrainRecipe(steps=12, batch_size=6, learning_rate=3e-2)
    backbone = train(bank, recipe, tmp_path / "base.safetensors", device="cpu")
    first, *_, last = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(last)["loss"] < json.loads(first)["loss"]
    saved = load_file(tmp_path / "base.safetensors")
    assert all(torch.equal(saved[k], v.half()) for k, v in backbone.state_dict().items())


def test_shipped_vocabulary_is_current() -> None:
    assert shipped_words() == vocabulary()
    assert len(set(vocabulary())) == len(vocabulary())
    assert len(Tokenizer(128, 256)) < 2**15
