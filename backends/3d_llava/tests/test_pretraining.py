from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.pretraining.items import NO_SUPERPOINT, Rooms
from posealign_3d_llava.pretraining.recipe import PretrainRecipe
from posealign_3d_llava.pretraining.rooms import sample_room
from posealign_3d_llava.pretraining.train import pretrain, pretraining_losses
from posealign_3d_llava.pretraining.vocabulary import vocabulary
from posealign_3d_llava.tokenizer import VOCABULARY
from posealign_core.testing.compare import differences
from posealign_rooms.catalogue import KINDS

from .samples import tiny

RECIPE = PretrainRecipe(steps=2, batch_size=2, questions=4, spacing_m=0.2, max_objects=4)


def test_the_shipped_vocabulary_is_what_the_command_writes():
    assert VOCABULARY.read_text().split() == vocabulary()


def test_an_item_depends_on_seed_and_index_alone():
    one, other = Rooms(tiny(), RECIPE), Rooms(tiny(), RECIPE)
    other[0]
    assert not differences(one[3], other[3])
    assert differences(one[3], one[2])


def test_classes_are_those_of_the_objects_that_superpoints_belong_to():
    rooms = Rooms(tiny(), RECIPE)
    item = rooms[3]
    samples = sample_room(np.random.default_rng((0, 3)), 2, 1, 0.2)
    assert samples[0].scene.objects is not None
    names = sorted(KINDS)
    present = {names[i] for i in item["classes"].tolist() if i < len(names)}
    assert 1 <= len(present) <= 4
    assert item["classes"].max() == tiny().tower.n_classes  # floor and walls are no object
    assert len(item["classes"]) == int(item["cloud"].superpoint_ids.max()) + 1
    batch = rooms.collate([rooms[0], rooms[1]])
    assert (batch["classes"] == NO_SUPERPOINT).any(dim=1).sum() <= 1


def test_rooms_grow():
    recipe = PretrainRecipe(steps=100, growth=0.5)
    assert [recipe.largest_room(step) for step in (0, 25, 50, 99)] == [2, 7, 12, 12]


@pytest.mark.parametrize("seed", range(3))
def test_questions_do_not_depend_on_the_viewpoint(seed: int):
    for sample in sample_room(np.random.default_rng(seed), 6, 6, 0.3):
        assert sample.query.extra["direction_critical"] == "false"
        assert sample.pose is None or sample.settings.modes


def test_two_steps_and_the_file_that_they_leave(tmp_path):
    config = tiny()
    trained = pretrain(config, RECIPE, tmp_path / "tiny.safetensors", device="cpu")
    lines = (tmp_path / "tiny.jsonl").read_text().splitlines()
    assert {"step", "language", "segmentation", "classes"} <= json.loads(lines[0]).keys()
    fresh = LlavaBackbone(config)
    fresh.load_published(tmp_path / "tiny.safetensors").require_exact("tiny")
    torch.testing.assert_close(
        fresh.lm.lm_head.weight, trained.lm.lm_head.weight, rtol=1e-3, atol=1e-4
    )
    statistics = [b for name, b in fresh.named_buffers() if "running_mean" in name]
    assert any(buffer.any() for buffer in statistics)


def test_everything_learns_from_the_three_losses():
    rooms = Rooms(tiny(), RECIPE)
    backbone = LlavaBackbone(tiny()).train()
    losses = pretraining_losses(backbone, rooms.collate([rooms[i] for i in range(4)]))
    sum(losses.values()).backward()
    unused = ("query_proj", "x_mask", "out_sem")
    learning = [n for n, p in backbone.named_parameters() if p.grad is not None]
    assert not [
        n
        for n, p in backbone.named_parameters()
        if p.grad is None and not any(part in n for part in unused)
    ]
    assert len(learning) > 100
