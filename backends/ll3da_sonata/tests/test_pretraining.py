from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from posealign_core.config import load_backbone_config
from posealign_core.errors import DataError
from posealign_ll3da.pretraining.tokens import scenes_of
from posealign_ll3da_sonata.backbone import SonataBackbone
from posealign_ll3da_sonata.plugin import SPEC
from posealign_ll3da_sonata.pretraining.__main__ import main
from posealign_ll3da_sonata.pretraining.encoder_task import owners_of, points_of
from posealign_ll3da_sonata.pretraining.rooms import draw_rows
from posealign_ll3da_sonata.pretraining.tokens import with_tokens
from posealign_ll3da_sonata.pretraining.train import pretrain
from posealign_rooms.pretraining import PretrainRecipe, RoomBank

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def rows():
    return [row for seed in range(2) for row in draw_rows(1, np.random.default_rng(seed))]


@pytest.fixture(scope="module")
def bank(rows) -> RoomBank:
    return RoomBank.of_rows(rows)


@pytest.fixture(scope="module")
def backbone() -> SonataBackbone:
    torch.manual_seed(0)
    return SonataBackbone(load_backbone_config(SPEC, "tiny", {"pretrained": False})).eval()


def test_draws_depend_on_the_seed_alone(rows):
    again = draw_rows(1, np.random.default_rng(0))
    assert all(np.array_equal(again[0][name], rows[0][name]) for name in rows[0])


def test_voxels_read_as_they_were_written(rows, bank):
    points = points_of(bank.rows_of(torch.tensor([1, 0])))
    assert points.counts == (len(rows[1]["xyz"]), len(rows[0]["xyz"]))
    assert np.array_equal(points.cells[: points.counts[0]], rows[1]["cells"])
    assert len(rows[0]["features"]) == len(rows[0]["object"]) == len(rows[0]["xyz"])


def test_a_token_belongs_to_the_object_that_it_stands_on(bank, backbone):
    rooms = bank.rows_of(torch.tensor([0]))
    with torch.no_grad():
        scene = backbone.network.encode(points_of(rooms))
    owners = owners_of(rooms, scene)[0]
    assert (owners < 0).any()
    boxes, on = rooms["boxes"].values.float(), owners >= 0
    low, high = (boxes[:, :3] + s * (boxes[:, 3:] / 2 + 0.25) for s in (-1, 1))
    xyz = scene.xyz[0, on]
    assert ((xyz >= low[owners[on]]) & (xyz <= high[owners[on]])).all()


def test_a_read_bank_holds_what_the_encoder_gives(bank, backbone):
    found = with_tokens(bank, backbone.network, batch_size=1)
    assert not {"xyz", "features", "cells"} & found.entries.keys()
    scene = scenes_of(found.rows_of(torch.tensor([1])))
    with torch.no_grad():
        wanted = backbone.network.encode(points_of(bank.rows_of(torch.tensor([1]))))
    assert torch.allclose(scene.tokens, wanted.tokens, atol=1e-2)
    assert torch.allclose(scene.extent.high, wanted.extent.high)
    n_questions = found.entries["llm_lengths"].lengths
    assert torch.equal(found.entries["box_features"].lengths, n_questions)


def test_rooms_with_too_few_voxels_are_refused(rows, backbone):
    n = 50
    names = ("xyz", "features", "cells", "object")
    small = RoomBank.of_rows([{**rows[0], **{name: rows[0][name][:n] for name in names}}])
    with pytest.raises(DataError, match="wanted 384 tokens"):
        with_tokens(small, backbone.network, batch_size=1)


def test_two_stages_write_weights_that_load_and_go_on(bank, tmp_path: Path, capsys):
    path = tmp_path / "tiny.safetensors"
    recipe = PretrainRecipe(steps=2, batch_size=2, learning_rate=1e-3)
    made = pretrain(bank, recipe, recipe, path, device="cpu")
    for stage, names in (
        ("encoder", {"kinds", "tints", "boxes"}),
        ("answers", {"language", "names"}),
    ):
        lines = (tmp_path / f"tiny.{stage}.jsonl").read_text().splitlines()
        for line in map(json.loads, lines):
            assert names <= line.keys()
            assert all(np.isfinite(line[name]) for name in names)
    before = made.network.scene_encoder.state_dict()
    again = pretrain(bank, recipe, recipe, tmp_path / "more.safetensors", device="cpu", start=path)
    after = again.network.scene_encoder.state_dict()
    assert all(torch.allclose(before[k], after[k], atol=1e-2) for k in before)
    main(["check", str(path), "--check-rooms", "1"])
    assert " all" in capsys.readouterr().out
