from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from posealign_core.geometry import aabb_from_corners
from posealign_ll3da.pretraining.batches import batch_of, targets_of
from posealign_ll3da.pretraining.held_out import right_answers
from posealign_ll3da.pretraining.rooms import draw_rows, room_encoder
from posealign_ll3da.pretraining.train import pretrain
from posealign_ll3da.pretraining.vocabulary import vocabulary
from posealign_ll3da.tokenizer import VOCABULARY
from posealign_rooms.pretraining import PretrainRecipe, RoomBank

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def rows():
    return [row for seed in range(2) for row in draw_rows(2, np.random.default_rng(seed))]


@pytest.fixture(scope="module")
def bank(rows) -> RoomBank:
    return RoomBank.of_rows(rows)


def batch(bank: RoomBank, chosen: list[int]):
    return batch_of(bank.rows_of(torch.tensor(chosen)), llm_pad_id=0, qformer_pad_id=0)


def test_the_shipped_vocabulary_is_the_current_one():
    assert VOCABULARY.read_text(encoding="utf-8").split() == vocabulary()


def test_draws_depend_on_the_seed_alone(rows):
    again = draw_rows(2, np.random.default_rng(0))
    assert all(np.array_equal(again[0][name], rows[0][name]) for name in rows[0])


def test_a_batch_of_rows_reads_as_it_was_written(rows, bank):
    found = batch(bank, [1, 0])
    tokenizer = room_encoder()._tokenizers.llm
    n_first = len(rows[1]["llm_lengths"])
    assert found["cloud_of_question"].tolist() == [0] * n_first + [1] * len(rows[0]["llm_lengths"])
    start = int(rows[0]["llm_lengths"][0])
    words = found["llm_ids"][n_first][found["llm_mask"][n_first]]
    assert words.tolist() == rows[0]["llm"][:start].tolist()
    reply = tokenizer.decode(found["llm_ids"][n_first][:start][found["answer"][n_first][:start]])
    assert reply.endswith("</s>")
    assert "assistant" not in reply
    assert not (found["answer"] & ~found["llm_mask"]).any()
    assert np.allclose(found["xyz"][1], rows[0]["xyz"].astype(np.float32))


def test_prompts_keep_their_boxes_and_clicks(rows, bank):
    found = batch(bank, [0, 1, 2])
    numbers = np.concatenate([rows[i]["prompts"] for i in range(3)]).astype(np.float32)
    assert found["box_valid"][:, 0].tolist() == (numbers[:, 0] == 1).tolist()
    assert found["click_valid"][:, 0].tolist() == (numbers[:, 0] == 2).tolist()
    boxes = aabb_from_corners(found["box"][:, 0].numpy())
    assert np.allclose(boxes, numbers[:, 1:7], atol=1e-5)


def test_votes_lead_to_the_middle_of_the_object(rows, bank):
    targets = targets_of(bank.rows_of(torch.tensor([2])))
    row = rows[2]
    assert int(targets.present.sum()) == int(row["n_objects"]) == len(row["boxes"])
    point = int(np.flatnonzero(row["object"] >= 0)[0])
    landed = row["xyz"][point].astype(np.float32) + targets.votes[0, point].numpy()
    assert np.allclose(landed, row["boxes"][row["object"][point], :3], atol=1e-2)
    assert targets.has_vote[0].tolist() == (row["object"] >= 0).tolist()


def test_pretraining_writes_weights_that_load(bank, tmp_path: Path):
    path = tmp_path / "tiny.safetensors"
    recipe = PretrainRecipe(steps=2, batch_size=2, learning_rate=1e-3)
    backbone = pretrain(bank, recipe, path, device="cpu")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert all(np.isfinite([line["language"], line["detection"]]).all() for line in lines)
    backbone.load_published(path).require_exact(str(path))
    shares = right_answers(backbone, 1, device="cpu")
    assert shares
    assert all(" of " in share for share in shares.values())
