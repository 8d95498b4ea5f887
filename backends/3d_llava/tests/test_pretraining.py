from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
import torch

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_3d_llava.pretraining.batches import (
    clouds_of,
    conversations_of,
    labels_of,
    masks_of,
)
from posealign_3d_llava.pretraining.check import accuracies, is_right
from posealign_3d_llava.pretraining.language import AnswerTask
from posealign_3d_llava.pretraining.rooms import KIND_NAMES, draw_rows, rooms_from
from posealign_3d_llava.pretraining.tower import SuperpointTask, representatives
from posealign_3d_llava.pretraining.train import pretrain, with_pooled
from posealign_3d_llava.pretraining.vocabulary import vocabulary
from posealign_3d_llava.tokenizer import VOCABULARY
from posealign_core.backbone import RawAnswer
from posealign_core.structures.regions import points_of_objects
from posealign_core.testing.compare import differences
from posealign_core.vocabulary import TaskKind
from posealign_rooms.pretraining import PretrainRecipe, RoomBank

from .samples import tiny

DIRECTIONS = r"\b(left|right|leftmost|rightmost|front|behind|ahead)\b"
SMALL = PretrainRecipe(steps=2, batch_size=2, max_objects=4)


@pytest.fixture(scope="module")
def rows():
    """Three looks at each of two rooms."""
    draw = partial(draw_rows, tiny())
    return [row for seed in (0, 1) for row in draw(np.random.default_rng(seed))]


@pytest.fixture(scope="module")
def bank(rows) -> RoomBank:
    return RoomBank.of_rows(rows)


def test_the_shipped_vocabulary_is_what_the_command_writes():
    assert VOCABULARY.read_text().split() == vocabulary()


def test_rows_depend_on_the_generator_alone(rows):
    again = draw_rows(tiny(), np.random.default_rng(1))
    assert not differences(again, rows[3:])
    assert differences(rows[0], rows[3])


@pytest.mark.parametrize("seed", range(3))
def test_no_word_for_a_direction_is_asked_or_answered(seed: int):
    (room,) = rooms_from(np.random.default_rng(seed), 6, spacing_m=0.3)
    for sample in room.samples:
        assert sample.query.extra["direction_critical"] == "false"
        text = " ".join((sample.query.text, *sample.query.references))
        assert not re.search(DIRECTIONS, text)


def test_stored_clouds_and_conversations_are_those_of_the_encoder(rows, bank: RoomBank):
    rooms = bank.rows_of(torch.arange(len(rows)))
    cloud, text = clouds_of(rooms), conversations_of(rooms)
    first = rows[0]
    n, m = len(first["coords"]), len(first["voxels"])
    assert cloud.coords[:n].equal(torch.from_numpy(first["coords"]).float())
    assert cloud.n_superpoints == tuple(len(row["objects"]) for row in rows)
    own = cloud.voxel_indices[cloud.point_to_voxel[n:]]
    assert (own[:, 0].long() == cloud.scene_of_point[n:]).all()
    assert cloud.voxel_indices[:m, 1:].equal(torch.from_numpy(first["voxels"]).int())
    for i, row in enumerate(rows):
        assert text.input_ids[i][text.attention_mask[i]].tolist() == row["input_ids"].tolist()
        assert text.labels is not None
        assert text.labels[i][text.attention_mask[i]].tolist() == row["labels"].tolist()


def test_every_reply_with_a_mask_has_its_target(rows, bank: RoomBank):
    encoder = LlavaEncoder(tiny())
    seg = encoder._tokenizer.convert_tokens_to_ids("[SEG]")
    rooms = bank.rows_of(torch.arange(len(rows)))
    masks, owners = masks_of(rooms, "targets")
    said = torch.tensor([int((row["labels"] == seg).sum()) for row in rows])
    assert owners.bincount(minlength=len(rows)).equal(said)
    assert said.sum() > 0
    assert masks.any(dim=1).all()


def test_one_superpoint_stands_for_each_object(bank: RoomBank):
    labels = labels_of(bank.rows_of(torch.arange(4)))
    logits = torch.randn(*labels.inside.shape, len(KIND_NAMES) + 1)
    chosen = representatives(logits, labels)
    assert not chosen[~labels.inside].any()
    n_objects = len(labels.owners[labels.inside].unique())
    assert labels.owners[chosen].unique().numel() == int(chosen.sum()) == n_objects
    # Kinds, colours and centres are those of the owner.
    for values in (labels.kinds, labels.tints, labels.centers):
        pairs = torch.cat([labels.owners[..., None].float(), values.view(*chosen.shape, -1)], -1)
        assert len(pairs[labels.inside].unique(dim=0)) == n_objects


def test_everything_learns_from_the_losses(bank: RoomBank):
    backbone = LlavaBackbone(tiny()).train()
    heads = SuperpointTask(backbone.lm.tower)
    rooms = bank.rows_of(torch.arange(3))
    tower = heads(backbone.lm.tower.encode(clouds_of(rooms)), labels_of(rooms))
    sum(tower.values()).backward()
    kept = with_pooled(bank, backbone.lm.tower.eval(), 2)
    answers = AnswerTask(backbone, heads)(kept.rows_of(torch.arange(3)))
    assert tower.keys() < answers.keys()
    sum(answers.values()).backward()
    unused = ("visual_sampler.query_proj", "mask_decoder.query_proj", "segmentor.decoder.x_mask")
    assert not [
        name
        for name, parameter in backbone.named_parameters()
        if parameter.grad is None and not any(part in name for part in unused)
    ]


def test_kept_superpoints_are_what_the_tower_makes_of_the_points(bank: RoomBank):
    tower = LlavaBackbone(tiny()).lm.tower.eval()
    rows = torch.arange(4)
    kept = with_pooled(bank, tower, 4)
    assert "coords" not in kept.entries
    with torch.no_grad():
        pooled = tower.segmentor.pool(clouds_of(bank.rows_of(rows)))
    stored = kept.rows_of(rows)
    features = stored["features"].padded(0.0).float()
    torch.testing.assert_close(features, pooled.features, rtol=1e-3, atol=1e-3)
    assert stored["superpoint_centers"].padded(0.0).equal(pooled.exact_centers)


def test_two_stages_and_the_files_that_they_leave(tmp_path, bank: RoomBank):
    path = tmp_path / "tiny.safetensors"
    trained = pretrain(tiny(), bank, SMALL, SMALL, path, device="cpu")
    assert "centers" in (tmp_path / "tiny.tower.jsonl").read_text()
    assert "language" in (tmp_path / "tiny.answers.jsonl").read_text()
    (tmp_path / "tiny.tower.jsonl").unlink()
    more = pretrain(
        tiny(), bank, SMALL, SMALL, tmp_path / "more.safetensors", device="cpu", start=path
    )
    assert not (tmp_path / "more.tower.jsonl").exists()
    unet = "lm.model.pointcloud_tower.segmentor.unet.blocks.block0.conv_branch.2.weight"
    weights = [dict(model.named_parameters())[unet] for model in (trained, more)]
    torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-4)  # frozen; stored in half precision
    fresh = LlavaBackbone(tiny())
    fresh.load_published(path).require_exact("tiny")
    torch.testing.assert_close(
        fresh.lm.lm_head.weight, trained.lm.lm_head.weight, rtol=1e-3, atol=1e-4
    )
    assert any(b.any() for name, b in fresh.named_buffers() if "running_mean" in name)


def test_the_check_asks_every_family():
    backbone = LlavaBackbone(tiny()).eval()
    found = accuracies(backbone, tiny(), n_rooms=1, largest=4, seed=5)
    assert found["all"][1] == sum(n for name, (_, n) in found.items() if name != "all") > 0
    assert all(0.0 <= share <= 1.0 for share, _ in found.values())


def test_what_counts_as_right():
    samples = [
        s
        for seed in range(6)
        for room in rooms_from(np.random.default_rng(seed), 6, spacing_m=0.3)
        for s in room.samples
    ]
    by_kind = {s.query.kind: s for s in samples}
    told = by_kind[TaskKind.ANSWER]
    assert is_right(told, RawAnswer(text=f" {told.query.references[0].upper()} "))
    assert not is_right(told, RawAnswer(text="perhaps"))
    chosen = by_kind[TaskKind.SELECT]
    assert is_right(chosen, RawAnswer(text="", object_ids=tuple(chosen.query.target_ids)))
    assert not is_right(chosen, RawAnswer(text="", object_ids=()))
    found = next(s for s in samples if s.query.kind is TaskKind.GROUND and s.query.target_ids)
    target = points_of_objects(found.scene, found.query.target_ids)
    assert is_right(found, RawAnswer(text="", masks=target[None]))
    assert not is_right(found, RawAnswer(text="", masks=~target[None]))
    assert not is_right(found, RawAnswer(text=""))
