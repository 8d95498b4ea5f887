"""What the encoder makes of questions, and of scenes that are out of the ordinary."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from posealign_3d_llava.backbone import LlavaBackbone
from posealign_3d_llava.encode.encoder import LlavaEncoder
from posealign_core.errors import BackboneError, DataError
from posealign_core.geometry import corners_from_aabb
from posealign_core.structures import GenerationOptions, Region
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import AlignMode, TaskKind

from .samples import query_of, sample_of, tiny


@pytest.fixture(scope="module")
def encoder() -> LlavaEncoder:
    return LlavaEncoder(tiny())


def encoded(encoder: LlavaEncoder, sample, *, train: bool = False):
    return encoder.encode([sample], train=train, rng=np.random.default_rng(1))


def test_targets_and_prompts_are_the_superpoints_of_the_object(encoder: LlavaEncoder):
    ids = toy_scene().superpoint_ids
    chair = torch.zeros(5, dtype=torch.bool)
    chair[ids[toy_scene().instance_ids == 1]] = True
    ground = encoded(encoder, sample_of(kind=TaskKind.GROUND), train=True)
    assert [t.tolist() for t in ground["targets"]] == [chair.tolist()]
    for train in (True, False):
        caption = encoded(encoder, sample_of(kind=TaskKind.CAPTION), train=train)
        assert [m.tolist() for m in caption["prompt_masks"]] == [chair.tolist()]
    assert encoded(encoder, sample_of(), train=True)["targets"] == []


def test_a_superpoint_is_meant_where_most_of_its_points_are(encoder: LlavaEncoder):
    instances = toy_scene().instance_ids
    chair = np.flatnonzero(instances == 1)
    for share, meant in ((0.4, False), (0.6, True)):
        scene = replace(
            toy_scene(),
            superpoint_ids=np.where(np.isin(np.arange(440), chair), 0, 1),
            instance_ids=np.where(
                np.isin(np.arange(440), chair[int(share * len(chair)) :]), -1, instances
            ),
        )
        sample = sample_of(AlignMode.TRANSFORM, kind=TaskKind.GROUND, scene=scene)
        placed = encoder.place([sample], train=False, rng=np.random.default_rng(0))
        item = encoder.describe([sample], placed, train=True, rng=np.random.default_rng(0))
        assert item["targets"][0].tolist() == [meant, False]


def test_a_target_that_the_scene_lacks(encoder: LlavaEncoder):
    query = replace(query_of(TaskKind.GROUND), target_ids=(99,))
    with pytest.raises(DataError, match=r"wanted objects \[99\] in scene 'toy'"):
        encoded(encoder, sample_of(query=query), train=True)
    assert encoded(encoder, sample_of(query=query))


def test_a_caption_without_a_region_or_of_nothing(encoder: LlavaEncoder):
    query = query_of(TaskKind.CAPTION)
    with pytest.raises(BackboneError, match="wanted a region to describe"):
        encoded(encoder, sample_of(query=replace(query, region=None)))
    nowhere = Region(corners=corners_from_aabb([50.0, 0, 0, 1, 1, 1])[0])
    with pytest.raises(DataError, match="wanted a region with points"):
        encoded(encoder, sample_of(query=replace(query, region=nowhere)))


@pytest.mark.parametrize("kind", list(TaskKind))
def test_one_superpoint(encoder: LlavaEncoder, kind: TaskKind):
    scene = replace(toy_scene(), superpoint_ids=np.zeros(440, dtype=np.int64))
    backbone = LlavaBackbone(tiny()).eval()
    batch = encoder.collate([encoded(encoder, sample_of(kind=kind, scene=scene))])
    assert len(backbone.generate(batch, GenerationOptions(max_new_tokens=2))) == 1
    batch = encoder.collate([encoded(encoder, sample_of(kind=kind, scene=scene), train=True)])
    assert torch.isfinite(backbone(batch).loss)
