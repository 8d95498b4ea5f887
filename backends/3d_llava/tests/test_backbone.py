"""Losses, answers and masks of the tiny model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_3d_llava.generation import generate
from posealign_3d_llava.model.cloud import PointCloudBatch
from posealign_3d_llava.model.llava import targets_of_queries
from posealign_3d_llava.model.splicing import TextBatch
from posealign_3d_llava.scene_cache import stack_features
from posealign_core.errors import BackboneError, ShapeError
from posealign_core.language.engine import GenerationEngine
from posealign_core.structures import GenerationOptions
from posealign_core.testing.probes import NOTHING_ALLOWED
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import AlignMode, TaskKind

from .samples import query_of, sample_of, tiny


@pytest.fixture(scope="module")
def encoder() -> LlavaEncoder:
    return LlavaEncoder(tiny())


@pytest.fixture
def backbone() -> LlavaBackbone:
    torch.manual_seed(0)
    return LlavaBackbone(tiny()).eval().requires_grad_(False)


def batch_of(encoder: LlavaEncoder, *samples, train: bool = False):
    rng = np.random.default_rng(0)
    return encoder.collate([encoder.encode([s], train=train, rng=rng) for s in samples])


def say_seg(backbone: LlavaBackbone, after: int) -> None:
    """Make the model say [SEG] once, `after` ordinary tokens into an answer, and then end."""
    plain = backbone.lm.lm_head.forward
    calls = {"n": 0}

    def forward(states):
        logits = plain(states)
        step, calls["n"] = calls["n"], calls["n"] + 1
        wanted = {after: backbone.lm.seg_token_id, after + 1: 2}.get(step, 60 + step)
        logits[..., wanted] += 1e4
        return logits

    backbone.lm.lm_head.forward = forward


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize("after", [0, 2])
def test_seg_states_are_those_of_the_whole_sequence_read_at_once(
    backbone: LlavaBackbone, encoder: LlavaEncoder, after: int, num_beams: int
):
    say_seg(backbone, after)
    scenes = [toy_scene(), toy_scene(n_objects=2)]
    batch = batch_of(encoder, *(sample_of(kind=TaskKind.GROUND, scene=s) for s in scenes))
    llava, text = backbone.lm, batch["input_ids"]
    features = [llava.tower.encode(cloud) for cloud in batch["clouds"]]
    spliced = llava.splice(
        TextBatch(input_ids=text, attention_mask=batch["attention_mask"]),
        stack_features(features),
        batch["prompt_masks"],
        batch["item_of_prompt"],
        backbone._ego(batch["poses"]),
        padding_side="left",
    )
    out = generate(llava, spliced, GenerationOptions(max_new_tokens=6, num_beams=num_beams))
    assert out.item_of_seg.tolist() == [0, 1]
    answers = llava.model.embed_tokens(out.ids[:, : after + 1])
    whole = torch.cat([spliced.embeds, answers], dim=1)
    mask = torch.cat([spliced.attention_mask, torch.ones(2, after + 1, dtype=torch.bool)], dim=1)
    states = llava.model(inputs_embeds=whole, attention_mask=mask.long()).last_hidden_state
    torch.testing.assert_close(out.seg_states, states[:, -2], rtol=1e-4, atol=1e-4)


def test_masks_spread_over_the_points_of_each_scene(backbone, encoder):
    say_seg(backbone, 1)
    scenes = [toy_scene(), toy_scene(n_objects=2)]
    samples = [sample_of(kind=TaskKind.GROUND, scene=scene) for scene in scenes]
    answers = backbone.generate(batch_of(encoder, *samples), GenerationOptions(max_new_tokens=4))
    for scene, answer in zip(scenes, answers, strict=True):
        assert answer.masks.shape == (1, len(scene))
        for superpoint in np.unique(scene.superpoint_ids):
            assert len(np.unique(answer.masks[0][scene.superpoint_ids == superpoint])) == 1
        assert "[SEG]" not in answer.text


def test_selection_takes_the_candidate_under_the_mask(backbone, encoder):
    say_seg(backbone, 0)
    scene = toy_scene()
    queries = [replace(query_of(TaskKind.SELECT), candidates=c) for c in ((1, 3), (7,), ())]
    batch = batch_of(encoder, *(sample_of(query=q, scene=scene) for q in queries))
    table = torch.full((5,), 0.1)
    table[2] = 0.9  # superpoint 2 is object 3 (ids -1, 1, 3, 4, 7 in ascending order)
    backbone._masks = lambda *_: [table[None]] * 3
    answers = backbone.generate(batch, GenerationOptions(max_new_tokens=3))
    assert [answer.object_ids for answer in answers] == [(3,), (7,), (3,)]


def test_without_seg_there_is_no_mask_and_no_choice(backbone, encoder):
    say_seg(backbone, 99)
    samples = [sample_of(kind=kind) for kind in (TaskKind.GROUND, TaskKind.SELECT)]
    for answer in backbone.generate(batch_of(encoder, *samples), GenerationOptions()):
        assert answer.masks.shape == (0, 440)
        assert answer.object_ids == ()


def test_a_scene_is_encoded_once_until_the_tower_changes(backbone, encoder, monkeypatch):
    tower, scene = backbone.lm.tower, toy_scene()
    n_encoded = []
    plain = tower.encode
    monkeypatch.setattr(tower, "encode", lambda cloud: n_encoded.append(1) or plain(cloud))
    options = GenerationOptions(max_new_tokens=2)
    samples = [sample_of(scene=scene), sample_of(kind=TaskKind.CAPTION, scene=scene)]
    first = backbone.generate(batch_of(encoder, *samples), options)
    assert len(n_encoded) == 1
    backbone.generate(batch_of(encoder, samples[0]), options)
    assert len(n_encoded) == 1
    backbone.generate(batch_of(encoder, sample_of(scene=scene, kind=TaskKind.GROUND)), options)
    assert len(n_encoded) == 2
    tower.segmentor.alignment_proj[0].weight.mul_(1.1)  # comes after what is kept
    backbone.generate(batch_of(encoder, *samples), options)
    assert len(n_encoded) == 2
    tower.segmentor.pos_encode[0].weight.mul_(1.1)
    second = backbone.generate(batch_of(encoder, *samples), options)
    assert len(n_encoded) == 3
    assert len(first) == len(second) == 2


def test_questions_of_one_sequence_have_their_own_targets(backbone, encoder):
    samples = [sample_of(kind=k) for k in (TaskKind.GROUND, TaskKind.ANSWER, TaskKind.CAPTION)]
    samples += [sample_of(query=replace(query_of(TaskKind.SELECT), text="the other one"))]
    item = encoder.encode(samples, train=True, rng=np.random.default_rng(0))
    batch = encoder.collate([item])
    assert len(batch["targets"]) == 2
    assert batch["item_of_target"].tolist() == [0, 0]
    assert len(batch["prompt_masks"]) == 1
    losses = {}
    for flipped in (None, 0, 1):
        targets = batch["targets"].clone()
        if flipped is not None:
            targets[flipped] = ~targets[flipped]
        losses[flipped] = backbone({**batch, "targets": targets}).logs["segmentation_loss"]
    assert len({round(loss, 5) for loss in losses.values()}) == 3


def test_packed_referring_questions_have_the_mask_loss_of_samples_side_by_side(backbone, encoder):
    """With states that are all the same, what is left of a question is its target."""
    backbone.lm.model.norm.weight.zero_()
    sample = replace(sample_of(kind=TaskKind.GROUND), policy=NOTHING_ALLOWED)
    other = replace(sample, query=replace(sample.query, target_ids=(3, 7)))
    rng = np.random.default_rng(0)
    packed = encoder.collate([encoder.encode([sample, other], train=True, rng=rng)])
    apart = batch_of(encoder, sample, other, train=True)
    losses = [backbone(batch).logs["segmentation_loss"] for batch in (packed, apart)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0] > 0.1


def test_which_target_a_seg_is_after():
    owners = torch.tensor([0, 0, 2])
    assert targets_of_queries(torch.tensor([0, 0, 2]), owners).tolist() == [0, 1, 2]
    assert targets_of_queries(torch.tensor([0, 2, 2]), owners).tolist() == [0, 2, 2]
    assert targets_of_queries(torch.tensor([0, 0, 0]), owners).tolist() == [0, 1, 1]
    with pytest.raises(ShapeError, match="no target mask"):
        targets_of_queries(torch.tensor([1]), owners)


def test_embed_mode_needs_room_in_the_projector():
    config = tiny(ego_features=False)
    narrow = LlavaBackbone(config).eval()
    encoder = LlavaEncoder(config)
    assert narrow.lm.model.mm_projector.n_in == config.tower.token_width
    with pytest.raises(BackboneError, match="ego_features"):
        narrow.generate(batch_of(encoder, sample_of(AlignMode.EMBED)), GenerationOptions())
    assert narrow.generate(batch_of(encoder, sample_of()), GenerationOptions(max_new_tokens=1))


def test_a_question_that_does_not_fit(encoder):
    short = LlavaBackbone(tiny(**{"llm.max_length": 24})).eval()
    with pytest.raises(BackboneError, match="at most 24 tokens"):
        short.generate(batch_of(encoder, sample_of()), GenerationOptions())


def test_bf16_weights_train_under_autocast(encoder):
    """As on a GPU: frozen weights in bfloat16, trained ones in float32."""
    from posealign_core.training.lora import in_float32, select_trainable
    from posealign_core.training.settings import TrainSettings

    backbone = LlavaBackbone(tiny(dtype="bfloat16")).train()
    select_trainable(backbone, TrainSettings())
    batch = batch_of(encoder, *(sample_of(AlignMode.EMBED, kind=k) for k in TaskKind), train=True)
    with in_float32(backbone):
        with torch.autocast("cpu", torch.bfloat16):
            loss = backbone(batch).loss
        loss.backward()
    assert torch.isfinite(loss)
    answers = backbone.eval().generate(
        batch_of(encoder, *(sample_of(AlignMode.EMBED, kind=k) for k in TaskKind)),
        GenerationOptions(max_new_tokens=3),
    )
    assert len(answers) == 4


def test_training_without_augmentation_encodes_each_scene_and_pose_once(backbone, monkeypatch):
    still = LlavaEncoder(tiny(augment=False))
    tower, scene = backbone.lm.tower, toy_scene()
    n_encoded = []
    plain = tower.encode
    monkeypatch.setattr(tower, "encode", lambda cloud: n_encoded.append(1) or plain(cloud))
    transform = AlignMode.TRANSFORM
    here = [sample_of(transform, scene=scene, kind=kind) for kind in TaskKind]
    with torch.inference_mode():
        backbone.generate(batch_of(still, here[0]), GenerationOptions(max_new_tokens=1))
    backbone.lm.model.mm_projector.requires_grad_(True)
    losses = [backbone(batch_of(still, *here, train=True)).loss for _ in range(2)]
    losses[0].backward()  # what an evaluation has encoded does for training, too
    assert len(n_encoded) == 1
    assert losses[0].equal(losses[1])
    there = sample_of(transform, scene=scene, heading=1.0)
    backbone(batch_of(still, there, train=True))
    assert len(n_encoded) == 2


def test_without_augmentation_training_sees_what_evaluation_sees(backbone):
    still = LlavaEncoder(tiny(augment=False))
    sample = sample_of(kind=TaskKind.GROUND)
    asked, learned = (batch_of(still, sample, train=train) for train in (False, True))
    assert asked["cloud_digests"] == learned["cloud_digests"]
    moved = batch_of(LlavaEncoder(tiny()), sample, train=True)["cloud"]
    assert not moved.coords[: len(asked["clouds"][0].coords)].equal(asked["clouds"][0].coords)


@pytest.mark.parametrize("mode", [None, *AlignMode])
def test_questions_of_one_sequence_do_not_see_each_other(backbone, mode: AlignMode | None):
    still = LlavaEncoder(tiny(augment=False))
    modes = () if mode is None else (mode,)
    # One kind of question takes the same geometric steps, whatever else is asked.
    samples = [
        sample_of(*modes, query=replace(query_of(TaskKind.ANSWER), text=text, references=(answer,)))
        for text, answer in (("what is it?", "a chair"), ("is it red?", "no"), ("how many?", "two"))
    ]
    rng = np.random.default_rng(0)
    alone = [still.collate([still.encode([s], train=True, rng=rng)]) for s in samples]
    packed = still.collate([still.encode(samples, train=True, rng=rng)])
    assert packed["input_ids"].shape[1] < sum(batch["input_ids"].shape[1] for batch in alone)
    counts = torch.tensor([int((batch["labels"] >= 0).sum()) for batch in alone])
    losses = torch.stack([backbone.loss(batch).language for batch in alone])
    expected = (losses * counts).sum() / counts.sum()
    torch.testing.assert_close(backbone.loss(packed).language, expected)


def test_a_packed_sequence_asks_for_the_masks_of_its_own_questions(backbone, encoder):
    rng = np.random.default_rng(0)
    still = LlavaEncoder(tiny(augment=False))
    ground = query_of(TaskKind.GROUND)
    scene = toy_scene()
    ids = scene.objects.object_ids.tolist()[:2]
    samples = [sample_of(query=replace(ground, target_ids=(i,)), scene=scene) for i in ids]
    packed = still.collate([still.encode(samples, train=True, rng=rng)])
    alone = [still.collate([still.encode([s], train=True, rng=rng)]) for s in samples]
    assert packed["targets"].equal(torch.cat([batch["targets"] for batch in alone]))
    assert backbone.loss(packed).segmentation > 0


class Repeats(GenerationEngine):
    """Says what it is told to say, and remembers what it was asked."""

    def __init__(self, answers: list[list[int]]) -> None:
        self.answers = answers

    def open(self, weights) -> None: ...

    def close(self) -> None: ...

    def generate(self, prompts, options, eos_token_id):
        self.prompts = prompts
        return self.answers


@pytest.mark.parametrize("after", [0, 2])
def test_an_engine_decodes_and_the_states_are_read_here(backbone, encoder, after: int):
    scenes = [toy_scene(), toy_scene(n_objects=2), toy_scene()]
    kinds = [TaskKind.GROUND, TaskKind.ANSWER, TaskKind.GROUND]
    samples = [sample_of(kind=k, scene=s) for k, s in zip(kinds, scenes, strict=True)]
    batch = batch_of(encoder, *samples)
    llava = backbone.lm
    features = llava.tower.encode(PointCloudBatch.from_clouds([s["cloud"] for s in (
        encoder.encode([sample], train=False, rng=np.random.default_rng(0)) for sample in samples
    )]))  # fmt: skip
    spliced = llava.splice(
        TextBatch(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]),
        features,
        batch["prompt_masks"],
        batch["item_of_prompt"],
        backbone._ego(batch["poses"]),
        padding_side="left",
    )
    say_seg(backbone, after)
    options = GenerationOptions(max_new_tokens=6)
    ordinary = generate(llava, spliced, options)
    ids = ordinary.ids.clone()
    ids[1] = torch.tensor([70] * ids.shape[1])  # one that has no [SEG]
    answers = [
        row[: row.tolist().index(2) + 1].tolist() if 2 in row else row.tolist() for row in ids
    ]
    engine = Repeats(answers)
    out = generate(llava, spliced, options, engine)
    assert [len(p) for p in engine.prompts] == spliced.attention_mask.sum(1).tolist()
    torch.testing.assert_close(engine.prompts[1], spliced.embeds[1, spliced.attention_mask[1]])
    assert out.item_of_seg.tolist() == [0, 2]
    torch.testing.assert_close(out.seg_states, ordinary.seg_states[[0, 2]], rtol=1e-4, atol=1e-4)
    assert out.ids[0, : len(answers[0])].tolist() == answers[0]
    nothing = generate(llava, spliced, options, Repeats([[70]] * 3))
    assert nothing.seg_states.shape == (0, llava.config.hidden_size)
