from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from posealign_core.backbone import RawAnswer
from posealign_core.config import load_backbone_config
from posealign_core.geometry import aabb_from_corners, corners_from_aabb
from posealign_core.vocabulary import TaskKind
from posealign_ll3da.backbone import Ll3daBackbone
from posealign_ll3da.encode.boxes import object_boxes
from posealign_ll3da.plugin import SPEC
from posealign_ll3da.pretraining.answers import AnswerTask
from posealign_ll3da.pretraining.batches import clouds_of_rooms, labels_of, targets_of, words_of
from posealign_ll3da.pretraining.detector import DetectorTask, share_detected
from posealign_ll3da.pretraining.held_out import held_out, is_right
from posealign_ll3da.pretraining.rooms import KIND_NAMES, draw_rows, draw_samples, room_encoder
from posealign_ll3da.pretraining.start import start_captioner
from posealign_ll3da.pretraining.tokens import scenes_of, with_tokens
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


@pytest.fixture(scope="module")
def backbone() -> Ll3daBackbone:
    torch.manual_seed(0)
    small = {"n_points": 96, "n_tokens": 48, "n_queries": 24}
    config = load_backbone_config(SPEC, "tiny", {"pretrained": False, "detector": small})
    return Ll3daBackbone(config).eval()


def batch(bank: RoomBank, chosen: list[int]):
    return words_of(bank.rows_of(torch.tensor(chosen)), llm_pad_id=0, qformer_pad_id=0)


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
    clouds = clouds_of_rooms(bank.rows_of(torch.tensor([1, 0])))
    assert np.allclose(clouds.xyz[1], rows[0]["xyz"].astype(np.float32))


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


def test_tokens_are_labelled_with_the_object_that_they_stand_on(rows, bank):
    row = rows[1]
    points = np.array([np.flatnonzero(row["object"] >= 0)[0], np.flatnonzero(row["object"] < 0)[0]])
    labels = labels_of(
        bank.rows_of(torch.tensor([1])), torch.from_numpy(row["object"][points][None]).long()
    )
    k = row["object"][points[0]]
    assert labels.inside.tolist() == [[True, False]]
    assert int(labels.kinds[0, 0]) == row["classes"][k]
    assert int(labels.tints[0, 0]) == row["tints"][k]
    assert np.allclose(labels.boxes[0, 0], row["boxes"][k].astype(np.float32))


def test_the_detector_learns_boxes_classes_and_colours(bank):
    torch.manual_seed(0)
    small = {"n_points": 256, "n_tokens": 96, "n_queries": 48}
    config = load_backbone_config(SPEC, "tiny", {"pretrained": False, "detector": small})
    task = DetectorTask(Ll3daBackbone(config).network.detector, config.detector.width)
    rooms = bank.rows_of(torch.tensor([0, 2]))
    optimizer = torch.optim.AdamW(task.parameters(), lr=2e-3)
    losses = []
    for _ in range(25):
        named = task(rooms)
        losses.append({name: float(loss.detach()) for name, loss in named.items()})
        optimizer.zero_grad()
        sum(named.values()).backward()
        torch.nn.utils.clip_grad_norm_(task.parameters(), 1.0)
        optimizer.step()
    assert set(losses[0]) == {"detection", "kinds", "tints", "boxes"}
    assert losses[-1]["detection"] < 0.8 * losses[0]["detection"]
    for name in ("kinds", "tints", "boxes"):
        assert losses[-1][name] < 0.6 * losses[0][name], name


def test_detected_objects_are_counted(bank, backbone):
    detector = backbone.network.detector
    assert share_detected(detector, bank) == 0.0
    targets = targets_of(bank.rows_of(torch.arange(len(bank))))
    wanted = int(targets.present.sum())

    class Oracle(torch.nn.Module):
        """Knows the first object of each room, and takes it for its class and the next."""

        def __init__(self, shift: float, turn: int) -> None:
            super().__init__()
            self.one = torch.nn.Parameter(torch.ones(1))
            self.shift, self.turn = shift, turn

        def forward(self, cloud):
            found = detector(cloud)
            classes = (targets.classes[:, :1] + self.turn) % len(KIND_NAMES)
            logits = torch.nn.functional.one_hot(classes, len(KIND_NAMES) + 1).float()
            centers = targets.centers[:, :1] + self.shift * targets.sizes[:, :1]
            last = replace(
                found.proposals, class_logits=logits, centers=centers, sizes=targets.sizes[:, :1]
            )
            return replace(found, layers=(last,))

    assert share_detected(Oracle(0.1, 0), bank) >= len(bank) / wanted
    assert share_detected(Oracle(0.6, 0), bank) == 0.0
    assert share_detected(Oracle(0.0, 1), bank) == 0.0


def test_a_bank_with_tokens_answers_as_the_whole_network(bank, backbone):
    rooms = torch.tensor([2, 0])
    looked_at = with_tokens(bank, backbone.network.detector, batch_size=3)
    clouds = clouds_of_rooms(bank.rows_of(rooms))
    words = batch(bank, rooms.tolist())
    whole = words | {"xyz": clouds.xyz, "channels": clouds.features}
    with torch.no_grad():
        scenes, boxes = backbone.scenes_and_boxes(whole)
        wanted, _ = backbone.read(words, scenes, boxes)
        kept = looked_at.rows_of(rooms)
        stored = kept["box_features"].values.float()[:, None]
        found, _ = backbone.read(words, scenes_of(kept), stored)
    assert not set(looked_at.entries) & {"xyz", "channels", "object"}
    assert (found - wanted).abs().max() < 0.02 * wanted.abs().max()


def test_answers_weigh_between_tokens_and_questions(bank, backbone):
    rooms = with_tokens(bank, backbone.network.detector, 4).rows_of(torch.tensor([1]))
    with torch.no_grad():
        named = AnswerTask(backbone)(rooms)
        words = batch(bank, [1])
        stored = rooms["box_features"].values.float()[:, None]
        prefix, text = backbone.read(words, scenes_of(rooms), stored)
        total = weight = 0.0
        for q, answer in enumerate(words["answer"]):
            only = torch.zeros_like(words["answer"])
            only[q] = answer
            n = int(answer.sum())
            total += float(backbone.captioner.loss(prefix, text, only)) * n**0.5
            weight += n**0.5
    assert float(named["language"]) == pytest.approx(total / weight, rel=1e-4)
    assert float(named["names"]) > 0


def test_numbers_start_near_their_neighbours(backbone):
    tokenizer = backbone.tokenizers.llm
    start_captioner(backbone.captioner, tokenizer)
    words = backbone.captioner.transformer.get_input_embeddings().weight
    codes = words[tokenizer.convert_tokens_to_ids([str(step) for step in range(256)])]
    likeness = (codes @ codes.T).detach()
    assert torch.allclose(likeness.diagonal(), torch.ones(256), atol=1e-5)
    assert float(likeness.diagonal(1).min()) > 0.9
    assert float(likeness[0, 128]) < 0.5


def test_an_answer_is_right_by_its_text_objects_or_boxes():
    samples = [s for i in range(4) for s in draw_samples(np.random.default_rng((7, i)))]
    by_kind = {s.query.kind: s for s in samples if s.query.target_ids or s.query.references}
    answer, ground = by_kind[TaskKind.ANSWER], by_kind[TaskKind.GROUND]
    assert is_right(answer, RawAnswer(text=answer.query.references[0].upper()))
    assert not is_right(answer, RawAnswer(text="nothing of the kind"))
    placement = room_encoder().place(ground, train=False, rng=np.random.default_rng(0)).placement
    boxes = object_boxes(ground, placement, "tight", ground.query.target_ids).boxes
    corners = placement.back(corners_from_aabb(boxes))
    assert is_right(ground, RawAnswer(text="", corners=corners))
    assert not is_right(ground, RawAnswer(text="", corners=corners + 9.0))
    assert not is_right(ground, RawAnswer(text=""))


def test_pretraining_writes_weights_that_load(bank, tmp_path: Path):
    path = tmp_path / "tiny.safetensors"
    recipe = PretrainRecipe(steps=2, batch_size=2, learning_rate=1e-3)
    trained = pretrain(bank, recipe, recipe, path, device="cpu")
    logs = {}
    for name in ("detector", "answers"):
        text = (tmp_path / f"tiny.{name}.jsonl").read_text()
        logs[name] = [json.loads(line) for line in text.splitlines()]
        assert [line["step"] for line in logs[name]] == [1, 2]
    assert all(np.isfinite(line["language"]) for line in logs["answers"])
    assert not trained.training
    trained.load_published(path).require_exact(str(path))
    shares = held_out(trained, 1, device="cpu")
    assert 0.0 <= shares["detected"][0] <= 1.0
    assert shares["all"][1] == sum(n for name, (_, n) in shares.items() if ":" in name)
