from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from posealign_core.language.packing import IGNORED, PADDING
from posealign_core.vocabulary import TaskKind
from posealign_rooms.catalogue import COLORS
from posealign_rooms.pretraining import PretrainRecipe, RoomBank, draw_bank
from posealign_template.config import TemplateConfig
from posealign_template.encoder import TemplateEncoder
from posealign_template.objects import objects_of
from posealign_template.pretraining.batches import BatchMaker
from posealign_template.pretraining.rooms import draw_row, row_of, sample_room
from posealign_template.pretraining.train import train
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


def test_batches_hold_what_the_encoder_made_under_new_slots() -> None:
    rows = [row for seed in range(6) for row in draw_row(np.random.default_rng(seed))]
    bank = RoomBank.of_rows(rows)
    maker = BatchMaker(torch.Generator().manual_seed(0))
    batch = maker(bank.rows_of(torch.arange(6)))
    width = batch["tokens"].shape[1]
    stored = torch.stack(
        [torch.from_numpy(np.pad(row["tokens"], (width - len(row["tokens"]), 0))) for row in rows]
    ).long()
    first = maker._first_slot
    slots = (stored >= first) & (stored < first + TemplateConfig.n_slots)
    assert torch.equal(batch["tokens"][~slots], stored[~slots])
    assert not torch.equal(batch["tokens"][slots], stored[slots])
    for row in range(6):
        old, new = (t[row][slots[row]].tolist() for t in (stored, batch["tokens"]))
        renamed = dict(zip(old, new, strict=True))
        assert len(set(renamed.values())) == len(renamed) >= batch["n_objects"][row]
        assert [renamed[slot] for slot in old] == new


def test_a_bank_depends_on_its_seed_and_not_on_the_jobs(tmp_path) -> None:
    for name, seed, jobs in (("one", 3, 1), ("two", 3, 2), ("other", 4, 1)):
        draw_bank(tmp_path / f"{name}.npz", draw_row, n_draws=200, seed=seed, jobs=jobs)
    one, two, other = (
        RoomBank.load(tmp_path / f"{name}.npz", "cpu").entries["tokens"]
        for name in ("one", "two", "other")
    )
    assert one.values.equal(two.values)
    assert one.lengths.equal(two.lengths)
    assert not one.lengths.equal(other.lengths)


def test_batches_have_targets_and_positions_as_the_encoder_makes_them(rooms) -> None:
    encoder = TemplateEncoder(TemplateConfig(pretrained=False))
    items = [
        encoder.encode(room[:4], train=True, rng=np.random.default_rng(0)) for room in rooms[:8]
    ]
    bank = RoomBank.of_rows([row_of(item) for item in items])
    expected = encoder.collate(items)
    batch = BatchMaker(torch.Generator())(bank.rows_of(torch.arange(8)))
    assert torch.equal(batch["segments"], expected["segments"])
    assert torch.equal(batch["targets"] == IGNORED, expected["targets"] == IGNORED)
    inside = batch["segments"] != PADDING
    assert torch.equal(batch["positions"][inside], expected["positions"][inside])
    assert torch.equal(batch["names"], torch.nn.functional.pad(expected["names"], (0, 3))[:, :3])
    torch.testing.assert_close(batch["attributes"], expected["attributes"], atol=5e-3, rtol=1e-3)


def test_training_lowers_the_loss_and_writes_weights(tmp_path) -> None:
    rows = [row for seed in range(12) for row in draw_row(np.random.default_rng(seed))]
    recipe = PretrainRecipe(steps=12, batch_size=6, learning_rate=3e-2)
    bank = RoomBank.of_rows(rows)
    backbone = train(bank, recipe, tmp_path / "base.safetensors", device="cpu")
    first, *_, last = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(last)["loss"] < json.loads(first)["loss"]
    saved = load_file(tmp_path / "base.safetensors")
    assert all(torch.equal(saved[k], v.half()) for k, v in backbone.state_dict().items())


def test_shipped_vocabulary_is_current() -> None:
    assert shipped_words() == vocabulary()
    assert len(set(vocabulary())) == len(vocabulary())
    assert len(Tokenizer(128, 256)) < 2**15
