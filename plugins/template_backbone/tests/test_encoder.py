from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from posealign_core.errors import BackboneError
from posealign_core.geometry import Frame
from posealign_core.language.packing import IGNORED, PADDING, PREFIX
from posealign_core.structures import ObjectTable, Scene
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import AlignMode
from posealign_template.objects import most_relevant, objects_of
from posealign_template.tokens import END, PAD, REPLY

if TYPE_CHECKING:
    from posealign_template.encoder import TemplateEncoder


def _words(encoder: TemplateEncoder, tokens: torch.Tensor) -> str:
    return encoder.tokenizer.decode(tokens.tolist(), {})


def test_row_is_objects_then_question(encoder, sample_of, rng) -> None:
    item = encoder.encode(sample_of()[:1], train=False, rng=rng)
    slots = [encoder.tokenizer.slot(i) for i in range(4)]
    assert item["tokens"][:4].tolist() == slots
    assert item["tokens"][-1] == REPLY
    assert _words(encoder, item["tokens"][5:-1]) == "is the chair on my left or right"
    assert item["segments"].tolist() == [PREFIX] * 4 + [1] * (len(item["tokens"]) - 4)
    assert (item["targets"] == IGNORED).all()


def test_only_answers_are_supervised(encoder, sample_of, rng) -> None:
    item = encoder.encode(sample_of(), train=True, rng=rng)
    supervised = item["targets"] != IGNORED
    assert (item["targets"][supervised] == item["tokens"][supervised]).all()
    for segment, answer in enumerate(("left", "a red chair"), start=1):
        said = item["targets"][supervised & (item["segments"] == segment)].tolist()
        assert said[-1] == END
        assert encoder.tokenizer.decode(said, {}) == answer
    before = item["tokens"][:-1][supervised[1:] & ~supervised[:-1]]
    assert (before == REPLY).all()


def test_selected_objects_are_named_by_their_slot(encoder, sample_of, rng) -> None:
    item = encoder.encode(sample_of(), train=True, rng=rng)
    table_row_0 = _slot_of_label(encoder, item, "chair")
    for segment in (3, 4):
        own = (item["segments"] == segment) & (item["targets"] != IGNORED)
        assert item["targets"][own].tolist() == [table_row_0, END]


def _slot_of_label(encoder: TemplateEncoder, item, label: str) -> int:
    (wanted,) = encoder.tokenizer.encode(label)
    (place,) = (k for k, ids in enumerate(item["names"]) if wanted in ids.tolist())
    return int(item["tokens"][place])


def test_caption_asks_about_the_slot_of_the_region(encoder, sample_of, rng) -> None:
    item = encoder.encode(sample_of()[1:2], train=True, rng=rng)
    question = item["tokens"][item["segments"] == 1]
    assert question[1] == _slot_of_label(encoder, item, "chair")


def test_region_without_an_object_means_the_nearest_one(encoder, sample_of, rng) -> None:
    (sample,) = sample_of()[1:2]
    elsewhere = replace(sample, region=replace(sample.region, object_id=None))
    one, two = (encoder.encode([s], train=False, rng=rng) for s in (sample, elsewhere))
    assert torch.equal(one["tokens"], two["tokens"])
    nowhere = replace(elsewhere, region=replace(elsewhere.region, click=None, corners=None))
    with pytest.raises(BackboneError, match="click"):
        encoder.encode([nowhere], train=False, rng=rng)


def test_attributes_follow_the_object_in_random_order(encoder, sample_of) -> None:
    samples = sample_of()[:1]
    plain = encoder.encode(samples, train=False, rng=np.random.default_rng(0))
    mixed = encoder.encode(samples, train=True, rng=np.random.default_rng(2))
    rows = {tuple(ids.tolist()): k for k, ids in enumerate(mixed["names"])}
    order = [rows[tuple(ids.tolist())] for ids in plain["names"]]
    assert order != sorted(order)
    assert torch.equal(mixed["attributes"][order], plain["attributes"])


def test_attributes_are_centre_edges_and_colour(encoder, sample_of, rng) -> None:
    (sample,) = sample_of()[:1]
    chair = encoder.encode([sample], train=False, rng=rng)["attributes"][0].numpy()
    points = sample.scene.points[sample.scene.instance_ids == 1]
    assert np.abs(chair[:3] - points.mean(axis=0)).max() < 0.1
    assert np.all((chair[3:6] > 0.3) & (chair[3:6] <= 0.4))
    assert np.allclose(chair[6:], np.array([200, 40, 40]) / 127.5 - 1, atol=1e-6)


def test_objects_are_called_by_colour_and_category(encoder, sample_of, rng) -> None:
    (sample,) = sample_of()[:1]
    names = encoder.encode([sample], train=False, rng=rng)["names"]
    said = [encoder.tokenizer.decode(ids.tolist(), {}) for ids in names]
    assert said == ["red chair", "green table", "yellow lamp", "blue bed"]


def test_sizes_come_from_points_where_there_are_no_boxes(encoder, sample_of, rng) -> None:
    (sample,) = sample_of()[:1]
    objects = replace(sample.scene.objects, corners=None)
    bare = replace(sample, scene=replace(sample.scene, objects=objects, colors=None))
    attributes = encoder.encode([bare], train=False, rng=rng)["attributes"].numpy()
    points = sample.scene.points[sample.scene.instance_ids == 1]
    assert np.allclose(attributes[0, 3:6], np.ptp(points, axis=0), atol=1e-6)
    assert (attributes[:, 6:] == 0).all()
    names = encoder.encode([bare], train=False, rng=rng)["names"]
    assert [len(ids) for ids in names] == [1, 1, 1, 1]


def test_pose_text_stands_between_objects_and_question(encoder, sample_of, rng) -> None:
    plain = encoder.encode(sample_of()[:1], train=False, rng=rng)
    posed = encoder.encode(sample_of(AlignMode.PROMPT)[:1], train=False, rng=rng)
    n_words = len(posed["tokens"]) - len(plain["tokens"])
    assert n_words > 40
    assert (posed["segments"][: 4 + n_words] == PREFIX).all()
    assert torch.equal(posed["tokens"][4 + n_words :], plain["tokens"][4:])
    assert _words(encoder, posed["tokens"][4 : 4 + n_words]).count("(") == 4


def test_pose_is_handed_on_in_embed_mode_only(encoder, sample_of, rng) -> None:
    modes = (AlignMode.TRANSFORM, AlignMode.PROMPT)
    assert encoder.encode(sample_of(*modes)[:1], train=False, rng=rng)["pose"] is None
    (sample,) = sample_of(AlignMode.EMBED)[:1]
    assert encoder.encode([sample], train=False, rng=rng)["pose"] is sample.pose


def test_batch_is_padded_on_the_left(encoder, sample_of, rng) -> None:
    items = [encoder.encode([s], train=True, rng=rng) for s in sample_of()]
    batch = encoder.collate(items)
    for i, item in enumerate(items):
        n = len(item["tokens"])
        assert torch.equal(batch["tokens"][i, -n:], item["tokens"])
        assert (batch["tokens"][i, :-n] == PAD).all()
        assert (batch["segments"][i, :-n] == PADDING).all()
        assert (batch["targets"][i, :-n] == IGNORED).all()
    assert batch["attributes"].shape == (16, 9)


@pytest.mark.parametrize("n_objects", [0, 1])
def test_few_objects(encoder, backbone, sample_of, rng, n_objects: int) -> None:
    samples = sample_of(AlignMode.EMBED, n_objects=n_objects)
    samples = [s for s in samples if s.region is None]
    batch = encoder.collate([encoder.encode([s], train=True, rng=rng) for s in samples])
    assert batch["attributes"].shape == (n_objects * len(samples), 9)
    assert torch.isfinite(backbone(batch).loss)


def test_scene_without_an_object_table(encoder, backbone, sample_of, rng) -> None:
    (sample,) = sample_of()[:1]
    bare = replace(sample, scene=replace(sample.scene, objects=None))
    batch = encoder.collate([encoder.encode([bare], train=True, rng=rng)])
    assert torch.isfinite(backbone(batch).loss)


def test_of_many_objects_the_ones_spoken_of_and_their_neighbours_are_kept() -> None:
    places = np.array([[0.0, 0, 0], [9, 0, 0], [5, 0, 0], [6, 0, 0], [20, 0, 0]])
    labels = ("lamp", "desk", "sofa", "chair", "plant")
    table = ObjectTable(object_ids=np.arange(5) * 10, labels=labels, centers=places)
    scene = Scene(scene_id="x", frame=Frame.INPUT, points=places, objects=table)
    objects = objects_of(scene)
    assert most_relevant(objects, "Is the sofa red?", set(), 3).labels == ("desk", "sofa", "chair")
    assert most_relevant(objects, "", {40}, 2).labels == ("desk", "plant")
    assert most_relevant(objects, "", set(), 5) is objects


def test_question_without_answer_cannot_be_trained_on(encoder, sample_of, rng) -> None:
    (sample,) = sample_of()[:1]
    unanswered = replace(sample, query=replace(sample.query, references=()))
    with pytest.raises(BackboneError, match=r"'toy-answer' of toy has no answer"):
        encoder.encode([unanswered], train=True, rng=rng)


def test_labels_of_any_words(encoder, sample_of, rng) -> None:
    (sample,) = sample_of()[:1]
    table: ObjectTable = toy_scene().objects
    odd = replace(sample.scene.objects, labels=("Blicket-3", "", "trash can", "chair"))
    item = encoder.encode(
        [replace(sample, scene=replace(sample.scene, objects=odd))], train=False, rng=rng
    )
    assert [len(ids) for ids in item["names"]] == [4, 1, 3, 2]
    assert "blicket" in item["spelling"].values()
    assert len(table) == 4


def test_encoder_pickles_and_holds_no_weights(encoder, sample_of) -> None:
    data = pickle.dumps(encoder)
    assert len(data) < 20_000
    again = pickle.loads(data)
    one, two = (
        e.encode(sample_of(), train=True, rng=np.random.default_rng(3)) for e in (encoder, again)
    )
    assert torch.equal(one["tokens"], two["tokens"])
