from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from posealign_core.errors import CheckpointMismatchError, DataError
from posealign_core.structures import GenerationOptions
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.training.lora import select_trainable
from posealign_core.training.settings import TrainSettings
from posealign_core.vocabulary import AlignMode, TaskKind
from posealign_ll3da_sonata.backbone import SonataBackbone
from posealign_ll3da_sonata.encode.encoder import SonataEncoder

from .samples import batch_of, query_of, sample_of, tiny

OPTIONS = GenerationOptions(max_new_tokens=3)
MODES = [(), (AlignMode.TRANSFORM,), (AlignMode.EMBED,), (AlignMode.PROMPT,)]


@pytest.fixture(scope="module")
def encoder() -> SonataEncoder:
    return SonataEncoder(tiny())


@pytest.fixture(scope="module")
def backbone() -> SonataBackbone:
    torch.manual_seed(0)
    return SonataBackbone(tiny()).eval()


@pytest.mark.parametrize("modes", MODES, ids=str)
def test_every_mode_learns_and_answers(encoder, backbone, modes):
    samples = [sample_of(*modes, kind=kind) for kind in TaskKind]
    assert len(backbone.generate(batch_of(encoder, *samples), OPTIONS)) == len(samples)
    with torch.no_grad():
        assert torch.isfinite(backbone(batch_of(encoder, *samples, train=True)).loss)


def test_a_scene_and_pose_are_encoded_once(encoder, backbone, monkeypatch):
    calls = []
    plain = backbone.network.read
    monkeypatch.setattr(backbone, "_scenes", type(backbone._scenes)())
    monkeypatch.setattr(
        backbone.network, "read", lambda cloud: calls.append(len(cloud.counts)) or plain(cloud)
    )
    other = replace(query_of(TaskKind.ANSWER), text="is there a bed")
    for query in (None, other):
        backbone.generate(batch_of(encoder, sample_of(query=query)), OPTIONS)
    assert calls == [1]
    ego = [sample_of(AlignMode.TRANSFORM, heading=heading) for heading in (0.3, 0.3, 1.2)]
    backbone.generate(batch_of(encoder, *ego), OPTIONS)
    assert sum(calls) == 3


def test_other_weights_read_anew(encoder, backbone):
    batch = batch_of(encoder, sample_of())
    parts = (
        backbone.network.scene_adapter.fc,
        backbone.network.scene_encoder.embedding.stem.norm,
    )
    with torch.no_grad():
        before = backbone.encoded(batch).tokens
        for part in parts:
            part.bias += 1.0
            after = backbone.encoded(batch).tokens
            part.bias -= 1.0
            assert not torch.allclose(before, after, atol=1e-4)
        assert torch.allclose(before, backbone.encoded(batch).tokens, atol=1e-5)


def test_without_augmentation_a_frozen_encoder_reads_once_in_training(monkeypatch):
    config = tiny(lora=False, **{"cloud.augment": False})
    backbone, calls = SonataBackbone(config), []
    plain = backbone.network.read
    monkeypatch.setattr(
        backbone.network, "read", lambda cloud: calls.append(len(cloud.counts)) or plain(cloud)
    )
    select_trainable(backbone, TrainSettings())
    batch = batch_of(SonataEncoder(config), sample_of(AlignMode.TRANSFORM), train=True)
    with torch.inference_mode():
        backbone(batch)
    for _ in range(2):
        backbone(batch).loss.backward()
    assert backbone.network.scene_adapter.fc.weight.grad.abs().sum() > 0
    assert calls == [1]


def test_a_box_prompt_follows_the_ego_frame(backbone):
    """The tokens inside a turned box are those inside the box in the world."""
    config = tiny(captions="box")
    boxed = SonataEncoder(config)
    ego = batch_of(boxed, sample_of(AlignMode.TRANSFORM, kind=TaskKind.CAPTION))
    here = batch_of(boxed, sample_of(kind=TaskKind.CAPTION))
    edges = [b["box"][0, 0, [1, 2, 4]] - b["box"][0, 0, :1] for b in (ego, here)]
    assert torch.allclose(edges[0].norm(dim=1), edges[1].norm(dim=1), atol=1e-4)
    assert not torch.allclose(edges[0], edges[1], atol=1e-2)
    assert backbone.generate(ego, OPTIONS)[0].corners is None


def test_box_prompts_are_those_of_their_own_scene(backbone):
    boxed = SonataEncoder(tiny(captions="box"))
    samples = [
        sample_of(kind=TaskKind.CAPTION),
        sample_of(kind=TaskKind.CAPTION, scene=toy_scene(n_objects=2, seed=3)),
    ]
    with torch.no_grad():
        together = backbone._prompts(batch_of(boxed, *samples), [None, None]).box_features
        for row, sample in enumerate(samples):
            alone = backbone._prompts(batch_of(boxed, sample), [None]).box_features
            assert torch.allclose(together[row], alone[0], atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


def test_the_encoder_stays_frozen_and_evaluates():
    backbone = SonataBackbone(tiny(lora=False))
    select_trainable(backbone, TrainSettings())
    backbone.train()
    names = {name.split(".")[1] for name, p in backbone.named_parameters() if p.requires_grad}
    assert names == {"scene_adapter", "captioner"}
    assert not backbone.network.scene_encoder.training
    assert backbone.network.scene_adapter.training
    only = SonataBackbone(tiny(trained="qformer_only")).trainable()
    assert only.full_modules == ("network.captioner.qformer",)


def test_weights_with_and_without_what_is_public(backbone, tmp_path):
    state = backbone.network.state_dict()
    whole = {key: tensor + 1 for key, tensor in state.items() if tensor.is_floating_point()}
    public = ("scene_encoder.", "captioner.transformer.")
    trained = {key: t for key, t in whole.items() if not key.startswith(public)}
    for name, stored in (("whole", whole), ("trained", trained)):
        path = tmp_path / f"{name}.safetensors"
        save_file({key: t.contiguous().clone() for key, t in stored.items()}, path)
        fresh = SonataBackbone(tiny())
        report = fresh.load_published(path)
        report.require_exact(str(path))
        assert report.loaded == len(stored)
        found = fresh.network.state_dict()
        assert all(torch.equal(found[key], stored[key]) for key in stored)


def test_keys_of_another_layout_are_named_and_refused(backbone, tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"captioner.latent_query.weight": torch.zeros(2, 2), "sonata.x": torch.ones(1)}, path)
    report = backbone.load_published(path)
    assert report.unexpected == ("sonata.x",)
    with pytest.raises(CheckpointMismatchError):
        report.require_exact(str(path))
    with pytest.raises(DataError, match="no file"):
        backbone.load_published(tmp_path / "none.pth")


def test_a_published_encoder_is_taken_whole(backbone, tmp_path):
    path = tmp_path / "sonata.pth"
    state = {k: t.clone() + 1 for k, t in backbone.network.scene_encoder.state_dict().items()}
    torch.save({"state_dict": state}, path)
    loaded = SonataBackbone(tiny(encoder_weights=str(path))).network.scene_encoder
    assert all(torch.equal(t, state[k]) for k, t in loaded.state_dict().items())
    assert not any(p.requires_grad for p in loaded.parameters())
    with pytest.raises(CheckpointMismatchError):
        SonataBackbone(tiny(encoder_weights=str(path), **{"encoder.depths": [1, 1, 3]}))


def test_answers_do_not_depend_on_companions_of_other_sizes(encoder, backbone):
    rng = np.random.default_rng(0)
    small = sample_of(scene=toy_scene(n_objects=1, seed=5))
    items = [encoder.encode([s], train=False, rng=rng) for s in (sample_of(), small)]
    with torch.no_grad():
        together = backbone.encoded(encoder.collate(items))
        backbone._scenes = type(backbone._scenes)()
        alone = backbone.encoded(encoder.collate(items[1:]))
    assert torch.equal(together.valid[1], alone.valid[0])
    assert torch.allclose(together.tokens[1], alone.tokens[0], atol=1e-4)
