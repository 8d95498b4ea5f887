from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from posealign_core.backbone import GenerationOptions
from posealign_core.errors import CheckpointMismatchError
from posealign_core.vocabulary import AlignMode, TaskKind
from posealign_template.model import TemplateBackbone
from posealign_template.objects import N_ATTRIBUTES

OPTIONS = GenerationOptions(max_new_tokens=6)


def _loss(backbone, encoder, samples, seed: int = 0) -> float:
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        return backbone(encoder.collate([encoder.encode(samples, train=True, rng=rng)])).loss.item()


def _logits(backbone, batch) -> torch.Tensor:
    """Logits at every place of the batch's rows."""
    seen = {}
    handle = backbone.lm.model.norm.register_forward_hook(lambda *a: seen.update(out=a[2]))
    with torch.no_grad():
        backbone(batch)
    handle.remove()
    return backbone.lm.lm_head(seen["out"])


def test_packing_changes_nothing(encoder, backbone, sample_of) -> None:
    """Each question of a packed row gets the logits that it gets alone in a row."""
    samples = sample_of(AlignMode.PROMPT)
    rngs = [np.random.default_rng(0) for _ in range(len(samples) + 1)]
    packed = encoder.collate([encoder.encode(samples, train=True, rng=rngs[-1])])
    together = _logits(backbone, packed)[0]
    for i, sample in enumerate(samples):
        alone = encoder.collate([encoder.encode([sample], train=True, rng=rngs[i])])
        expected = _logits(backbone, alone)[0][alone["segments"][0] == 1]
        found = together[packed["segments"][0] == i + 1]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_question_does_not_see_the_answers_before_it(encoder, backbone, sample_of) -> None:
    samples = sample_of()
    other = replace(samples[0], query=replace(samples[0].query, references=("right",)))
    batches = [
        encoder.collate([encoder.encode(s, train=True, rng=np.random.default_rng(0))])
        for s in (samples, [other, *samples[1:]])
    ]
    assert not torch.equal(batches[0]["tokens"], batches[1]["tokens"])
    one, two = (_logits(backbone, batch)[0][batch["segments"][0] > 1] for batch in batches)
    assert torch.equal(one, two)


def test_loss_is_the_cross_entropy_of_the_answer(encoder, backbone, sample_of, rng) -> None:
    batch = encoder.collate([encoder.encode(sample_of()[:1], train=True, rng=rng)])
    logits = _logits(backbone, batch)[0].log_softmax(dim=-1)
    answer = batch["tokens"][0, -2:]
    expected = -(logits[-3, answer[0]] + logits[-2, answer[1]]) / 2
    assert backbone(batch).loss.item() == pytest.approx(expected.item(), abs=1e-5)


def test_batched_answers_equal_single_ones(encoder, backbone, sample_of, rng) -> None:
    for parameter in backbone.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    choices = ((), (AlignMode.PROMPT,), (AlignMode.EMBED,))
    samples = [sample for modes in choices for sample in sample_of(*modes)]
    items = [encoder.encode([s], train=False, rng=rng) for s in samples]
    together = backbone.generate(encoder.collate(items), OPTIONS)
    alone = [backbone.generate(encoder.collate([item]), OPTIONS)[0] for item in items]
    assert [a.text for a in together] == [a.text for a in alone]
    assert len({a.text for a in together}) > 1


def test_embed_columns_start_at_zero(encoder, backbone, sample_of) -> None:
    plain, posed = sample_of(), sample_of(AlignMode.EMBED)
    assert _loss(backbone, encoder, plain) == _loss(backbone, encoder, posed)
    with torch.no_grad():
        backbone.projector[0].weight[:, N_ATTRIBUTES:] = 0.1
    assert _loss(backbone, encoder, plain) != _loss(backbone, encoder, posed)


def test_embed_columns_get_gradients(encoder, backbone, sample_of, rng) -> None:
    samples = sample_of(AlignMode.EMBED)
    backbone(encoder.collate([encoder.encode(samples, train=True, rng=rng)])).loss.backward()
    assert (backbone.projector[0].weight.grad[:, N_ATTRIBUTES:].abs().sum(dim=0) > 0).all()


def test_embed_goes_through_the_hook(encoder, backbone, sample_of, rng) -> None:
    asked = []

    def embed_pose(coords, pose):
        asked.append((coords, pose))
        return torch.zeros(len(coords), 6)

    backbone.embed_pose = embed_pose
    samples = sample_of(AlignMode.EMBED)[:1] + sample_of()[:1]
    items = [encoder.encode([s], train=False, rng=rng) for s in samples]
    backbone.generate(encoder.collate(items), OPTIONS)
    ((coords, pose),) = asked
    assert torch.equal(coords, items[0]["attributes"][:, :3])
    assert pose is samples[0].pose


def test_answers_name_objects_and_their_boxes(encoder, backbone, sample_of, rng) -> None:
    (sample,) = [s for s in sample_of() if s.query.kind is TaskKind.GROUND]
    item = encoder.encode([sample], train=False, rng=rng)
    said = [encoder.tokenizer.slot(i) for i in (2, 0, 2, 7)]  # the scene has four objects
    answer = backbone._answer(said, item["objects"], {})
    assert answer.object_ids == (4, 1)
    assert np.array_equal(answer.corners, sample.scene.objects.corners[[2, 0]])
    assert backbone._answer([], item["objects"], {}).object_ids == ()


def test_overfits_one_batch(encoder, backbone, sample_of) -> None:
    samples = sample_of(AlignMode.TRANSFORM)
    optimizer = torch.optim.AdamW(backbone.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    batch = encoder.collate([encoder.encode([s], train=True, rng=rng) for s in samples])
    for _ in range(60):
        loss = backbone(batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05


def test_published_weights_round_trip(config, encoder, backbone, sample_of, tmp_path) -> None:
    path = tmp_path / "base.safetensors"
    save_file(backbone.state_dict(), path)
    torch.manual_seed(1)
    other = TemplateBackbone(config).eval()
    assert _loss(other, encoder, sample_of()) != _loss(backbone, encoder, sample_of())
    other.load_published(path).require_exact(str(path))
    assert _loss(other, encoder, sample_of()) == _loss(backbone, encoder, sample_of())


def test_published_weights_that_do_not_fit_are_reported(backbone, tmp_path) -> None:
    path = tmp_path / "base.safetensors"
    state = {k: v for k, v in backbone.state_dict().items() if k != "lm.model.norm.weight"}
    state |= {"projector.0.bias": torch.zeros(3), "stray": torch.zeros(1)}
    save_file(state, path)
    report = backbone.load_published(path)
    assert report.missing == ("lm.model.norm.weight",)
    assert report.unexpected == ("stray",)
    assert report.reshaped == (("projector.0.bias", (3,), (32,)),)
    assert report.loaded == len(load_file(path)) - 2
    with pytest.raises(CheckpointMismatchError, match=r"missing lm\.model\.norm\.weight"):
        report.require_exact(str(path))


def test_trainable_names_exist(backbone) -> None:
    names = [name for name, _ in backbone.named_modules()]
    wanted = backbone.trainable()
    assert all(any(n.endswith(target) for n in names) for target in wanted.lora_targets)
    assert set(wanted.full_modules) <= set(names)
