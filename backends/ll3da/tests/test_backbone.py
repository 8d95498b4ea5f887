from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from posealign_core.align import answer_to_prediction
from posealign_core.errors import BackboneError
from posealign_core.evaluation.protocols.captions import caption_overlap
from posealign_core.geometry import aabb_from_corners, move_corners
from posealign_core.structures import GenerationOptions, Region
from posealign_core.testing.probes import scene_at
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import AlignMode, TaskKind
from posealign_ll3da.backbone import Ll3daBackbone
from posealign_ll3da.encode.encoder import Ll3daEncoder
from posealign_ll3da.model.proposals import Proposals

from .samples import query_of, sample_of, tiny

OPTIONS = GenerationOptions(max_new_tokens=3)
WAYS = [(), (AlignMode.TRANSFORM,), (AlignMode.EMBED,), (AlignMode.PROMPT,)]


@pytest.fixture(scope="module")
def encoder() -> Ll3daEncoder:
    return Ll3daEncoder(tiny(location_tokens=4))


@pytest.fixture(scope="module")
def backbone() -> Ll3daBackbone:
    torch.manual_seed(0)
    return Ll3daBackbone(tiny(location_tokens=4)).eval()


def batch_of(encoder: Ll3daEncoder, *samples, train: bool = False):
    rng = np.random.default_rng(0)
    return encoder.collate([encoder.encode([s], train=train, rng=rng) for s in samples])


class Found:
    """Stands for a detector that finds the given boxes, in the frame of its cloud."""

    def __init__(self, backbone: Ll3daBackbone, boxes: np.ndarray) -> None:
        self.network, self.boxes, self.n_calls = backbone.network, boxes, 0
        self.plain = backbone.network.detect

    def __call__(self, cloud):
        self.n_calls += len(cloud)
        scene, proposals = self.plain(cloud)
        n, rows = len(self.boxes), len(cloud)
        boxes = torch.from_numpy(self.boxes).float().expand(rows, -1, -1)
        logits = torch.zeros(rows, n, proposals.class_logits.shape[-1])
        logits[..., 0] = 5.0
        return scene, Proposals(
            class_logits=logits,
            centers=boxes[..., :3],
            sizes=boxes[..., 3:],
            features=proposals.features[:, :1].expand(-1, n, -1),
            query_xyz=boxes[..., :3],
        )


def chair_on_walls() -> np.ndarray:
    scene = toy_scene()
    return aabb_from_corners(move_corners(scene.aligned_from_world, scene.objects.corners[:1]))


@pytest.mark.parametrize("modes", WAYS, ids=str)
def test_a_dense_caption_describes_the_detected_box_in_every_mode(
    encoder, backbone, monkeypatch, modes
):
    boxes = chair_on_walls() + np.array([0.05, 0, 0, 0, 0, 0])
    found = Found(backbone, np.concatenate([boxes + np.array([0, 0, 3.0, 0, 0, 0]), boxes]))
    monkeypatch.setattr(backbone.network, "detect", found)
    monkeypatch.setattr(backbone, "_scenes", type(backbone._scenes)())
    sample = sample_of(*modes, kind=TaskKind.CAPTION)
    answer = backbone.generate(batch_of(encoder, sample), OPTIONS)[0]
    assert answer.text
    prediction = answer_to_prediction(answer, sample)
    overlap = caption_overlap(toy_scene(), sample.query, prediction)
    assert overlap == pytest.approx((0.4 - 0.05) / (0.4 + 0.05), abs=0.02)
    assert found.n_calls == 1


def test_an_ego_frame_prompts_with_a_click_where_the_box_is(encoder, backbone, monkeypatch):
    monkeypatch.setattr(backbone.network, "detect", Found(backbone, chair_on_walls()))
    monkeypatch.setattr(backbone, "_scenes", type(backbone._scenes)())
    sample = sample_of(AlignMode.TRANSFORM, kind=TaskKind.CAPTION)
    batch = batch_of(encoder, sample)
    described = backbone._described(batch)
    assert described[0].feature is None
    assert np.allclose(described[0].click, sample.scene.objects.centers[0], atol=1e-5)
    prompts = backbone._prompts(batch, described)
    assert prompts.box_valid.shape == (1, 0)
    assert prompts.click_valid.tolist() == [[True]]


def test_an_object_that_was_not_found_has_no_caption_and_no_overlap(encoder, backbone, monkeypatch):
    nothing = Found(backbone, np.array([[40.0, 40, 40, 1, 1, 1]]))
    monkeypatch.setattr(backbone.network, "detect", nothing)
    monkeypatch.setattr(backbone, "_scenes", type(backbone._scenes)())
    sample = sample_of(kind=TaskKind.CAPTION)
    answer = backbone.generate(batch_of(encoder, sample), OPTIONS)[0]
    assert answer.text == ""
    prediction = answer_to_prediction(answer, sample)
    assert caption_overlap(toy_scene(), sample.query, prediction) == 0.0


@pytest.mark.parametrize("captions", ["click", "box"])
def test_a_given_object_is_described_without_detection_counting(captions, backbone):
    encoder = Ll3daEncoder(tiny(captions=captions))
    sample = sample_of(kind=TaskKind.CAPTION)
    answer = backbone.generate(batch_of(encoder, sample), OPTIONS)[0]
    assert answer.corners is None
    overlap = caption_overlap(toy_scene(), sample.query, answer_to_prediction(answer, sample))
    assert overlap == pytest.approx(1.0)


def test_a_given_box_is_looked_up_in_its_own_cloud():
    config = tiny(captions="box")
    torch.manual_seed(0)
    encoder, model = Ll3daEncoder(config), Ll3daBackbone(config).eval()
    samples = [
        sample_of(kind=TaskKind.CAPTION),
        sample_of(kind=TaskKind.CAPTION, scene=toy_scene(n_objects=2, seed=3)),
    ]
    batch = batch_of(encoder, *samples)
    together = model._prompts(batch, [None, None])
    for row, sample in enumerate(samples):
        alone = model._prompts(batch_of(encoder, sample), [None])
        assert torch.allclose(together.box_features[row], alone.box_features[0], atol=1e-5)
    assert not torch.allclose(together.box_features[0], together.box_features[1], atol=1e-3)


def test_questions_about_one_cloud_encode_it_once(encoder, backbone, monkeypatch):
    calls = []
    plain = backbone.network.encode
    monkeypatch.setattr(backbone, "_scenes", type(backbone._scenes)())
    monkeypatch.setattr(
        backbone.network, "encode", lambda cloud: calls.append(len(cloud)) or plain(cloud)
    )
    other = replace(query_of(TaskKind.ANSWER), text="is there a bed")
    one, two = sample_of(), sample_of(query=other)
    for sample in (one, two):
        backbone.generate(batch_of(encoder, sample), OPTIONS)
    backbone.generate(batch_of(encoder, two, one), OPTIONS)
    assert calls == [1]


def test_a_pose_without_room_for_it_is_refused(encoder):
    plain = Ll3daBackbone(tiny(**{"captioner.n_ego_features": 0})).eval()
    with pytest.raises(BackboneError, match="n_ego_features"):
        plain.generate(batch_of(encoder, sample_of(AlignMode.EMBED)), OPTIONS)
    assert plain.generate(batch_of(encoder, sample_of()), OPTIONS)


@pytest.mark.parametrize("mode", [AlignMode.EMBED, AlignMode.PROMPT])
def test_untrained_embedding_and_position_change_nothing(encoder, mode):
    """Both start at zero: a checkpoint answers as before, whatever the pose."""
    torch.manual_seed(0)
    model = Ll3daBackbone(tiny()).eval()
    batch = batch_of(encoder, sample_of(AlignMode.EMBED), train=True)
    bare = {**batch, "poses": [None]}
    with torch.no_grad():
        assert torch.equal(model(batch).loss, model(bare).loss)
    if mode is AlignMode.PROMPT:
        stated = batch_of(encoder, sample_of(mode), train=True)
        assert stated["llm_ids"].shape[1] > batch["llm_ids"].shape[1] + 20


def test_nothing_is_detected_for_questions(encoder, backbone, monkeypatch):
    def refuse(cloud):
        pytest.fail("detected")

    monkeypatch.setattr(backbone.network, "detect", refuse)
    for kind in (TaskKind.ANSWER, TaskKind.GROUND, TaskKind.SELECT):
        assert backbone.generate(batch_of(encoder, sample_of(kind=kind)), OPTIONS)


def test_odd_scenes_are_answered(encoder, backbone):
    """All points in one place, and a click far outside."""
    flat = sample_of(scene=scene_at([1.0, 2.0, 3.0]))
    query = replace(query_of(TaskKind.CAPTION), region=Region(click=np.array([99.0, 0, 0])))
    far = sample_of(query=query)
    for sample in (flat, far):
        assert len(backbone.generate(batch_of(encoder, sample), OPTIONS)) == 1
    with torch.no_grad():
        loss = backbone(batch_of(encoder, flat, far, train=True)).loss
    assert torch.isfinite(loss)


def test_training_what_the_paper_trains():
    names = set(Ll3daBackbone(tiny(lora=False)).trainable().full_modules)
    assert Ll3daBackbone(tiny(lora=False)).trainable().lora_targets == ()
    assert {"network.captioner.qformer", "network.captioner.latent_query"} <= names
    assert not any("transformer" in name or "detector" in name for name in names)
    only = Ll3daBackbone(tiny(trained="qformer_only")).trainable()
    assert only.full_modules == ("network.captioner.qformer",)
    assert only.lora_targets == ("q_proj", "v_proj")


def test_a_frozen_detector_looks_once_at_clouds_that_come_again(monkeypatch):
    encoder = Ll3daEncoder(tiny(**{"cloud.augment": False}))
    torch.manual_seed(0)
    learner = Ll3daBackbone(tiny(**{"cloud.augment": False}))
    batch = batch_of(encoder, sample_of(), train=True)
    assert torch.equal(batch["xyz"], batch_of(encoder, sample_of(), train=True)["xyz"])
    found = Found(learner, chair_on_walls())
    monkeypatch.setattr(learner.network, "detect", found)
    assert learner.network.detector_learns
    learner.train()(batch)
    assert found.n_calls == 0  # a detector that learns is not remembered
    learner.network.detector.requires_grad_(False)
    learner.train()
    losses = [learner(batch).loss for _ in range(3)]
    assert found.n_calls == 1
    losses[-1].backward()
    assert learner.captioner.latent_query.weight.grad is not None
    drawn_anew = batch_of(Ll3daEncoder(tiny()), sample_of(), train=True)
    assert "cloud_digests" not in drawn_anew


def test_remembered_scenes_give_the_loss_of_fresh_ones():
    encoder = Ll3daEncoder(tiny(**{"cloud.augment": False}))
    torch.manual_seed(0)
    learner = Ll3daBackbone(tiny(**{"cloud.augment": False}))
    learner.network.detector.requires_grad_(False)
    learner.train()
    samples = [sample_of(), sample_of(kind=TaskKind.CAPTION), sample_of(AlignMode.TRANSFORM)]
    batch = batch_of(encoder, *samples, train=True)
    fresh = {name: value for name, value in batch.items() if name != "cloud_digests"}
    with torch.no_grad():
        wanted = learner(fresh).loss
        assert torch.allclose(learner(batch).loss, wanted, atol=1e-5)
        assert torch.allclose(learner(batch).loss, wanted, atol=1e-5)
