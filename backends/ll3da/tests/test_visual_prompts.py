from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from posealign_core.errors import BackboneError
from posealign_core.geometry import aabb_from_corners
from posealign_core.structures import Region
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import AlignMode, Fidelity, TaskKind
from posealign_ll3da.config import CloudConfig
from posealign_ll3da.encode.boxes import object_boxes
from posealign_ll3da.encode.detected import sought_object
from posealign_ll3da.encode.placement import Placement, on_walls
from posealign_ll3da.encode.visual_prompts import drawn_prompt, given_prompt, region_corners

from .samples import query_of, sample_of

HERE = Placement(np.eye(4))
AHEAD = np.array([1.0, 0, 0, 0, 0, 0])


def drawn(sample, n: int = 400, **settings) -> Counter[str]:
    boxes, rng = object_boxes(sample, HERE, "enclose"), np.random.default_rng(0)
    config = CloudConfig(**settings)
    prompts = [drawn_prompt(sample, HERE, boxes, config, rng) for _ in range(n)]
    kinds = (
        "box" if p.box is not None else "click" if p.click is not None else "" for p in prompts
    )
    return Counter(kinds)


def caption_of(region: Region, *modes: AlignMode, scene=None):
    return sample_of(*modes, query=replace(query_of(TaskKind.CAPTION), region=region), scene=scene)


def test_captions_get_a_box_or_a_click_and_questions_sometimes_a_click():
    found = drawn(sample_of(kind=TaskKind.CAPTION))
    assert found["box"] + found["click"] == 400
    assert abs(found["box"] - 200) < 40
    asked = drawn(sample_of())
    assert asked["box"] == 0
    assert abs(asked["click"] - 100) < 35
    assert drawn(sample_of(kind=TaskKind.GROUND)) == {"": 400}


def test_boxes_do_not_survive_the_turn_into_an_ego_frame_but_in_the_released_recipe():
    posed = sample_of(AlignMode.TRANSFORM, kind=TaskKind.CAPTION)
    assert drawn(posed) == {"click": 400}
    released = sample_of(AlignMode.TRANSFORM, kind=TaskKind.CAPTION, fidelity=Fidelity.RELEASED)
    assert 160 < drawn(released)["box"] < 240


@pytest.mark.parametrize("modes", [(), (AlignMode.TRANSFORM,)])
def test_a_click_is_the_middle_of_the_box_and_moves_along(modes):
    sample = sample_of(*modes, kind=TaskKind.CAPTION)
    click = given_prompt(sample, HERE, "click").click
    assert np.allclose(click, sample.scene.objects.centers[0])


def test_a_click_may_be_one_of_the_points_in_training():
    sample = sample_of(AlignMode.TRANSFORM, kind=TaskKind.CAPTION)
    boxes, rng = object_boxes(sample, HERE, "enclose"), np.random.default_rng(0)
    config = CloudConfig(click="instance_point")
    clicks = [drawn_prompt(sample, HERE, boxes, config, rng).click for _ in range(5)]
    points = sample.scene.points[sample.scene.instance_ids == 1]
    assert all((np.abs(points - click).max(axis=1) < 1e-12).any() for click in clicks)
    assert len({tuple(click) for click in clicks}) > 1


def test_what_a_region_may_be():
    scene = toy_scene()
    corners = scene.objects.corners[1]
    alone = caption_of(Region(corners=corners))
    assert np.allclose(given_prompt(alone, HERE, "box").box.mean(axis=0), corners.mean(axis=0))
    clicked = caption_of(Region(click=np.array([40.0, 0, 0])))  # far outside of the scene
    assert np.allclose(given_prompt(clicked, HERE, "box").click, [40, 0, 0])
    assert sought_object(clicked, HERE) is None
    with pytest.raises(BackboneError, match="wanted a region to describe"):
        given_prompt(caption_of(Region(object_id=99)), HERE, "click")
    unmasked = replace(scene, objects=replace(scene.objects, corners=None))
    found = region_corners(caption_of(Region(object_id=3), scene=unmasked))
    assert np.allclose(np.sort(found, axis=0), np.sort(corners, axis=0), atol=1e-9)


@pytest.mark.parametrize("modes", [(), (AlignMode.TRANSFORM,)])
def test_an_object_is_sought_in_the_frame_of_the_walls(modes):
    sample = sample_of(*modes, kind=TaskKind.CAPTION)
    placement = HERE if modes else on_walls(sample)
    sought = sought_object(sample, placement)
    walls = on_walls(sample)
    expected = aabb_from_corners(walls.points(sample.scene.objects.corners))
    assert np.allclose(sought.boxes, expected)
    assert np.allclose(sought.placed_from_walls @ walls.placed_from_input,
                       placement.placed_from_input)  # fmt: skip
    assert np.allclose(sought.input_from_walls @ walls.placed_from_input, np.eye(4))


def test_which_detected_box_stands_for_an_object():
    sought = sought_object(sample_of(kind=TaskKind.CAPTION), HERE)
    mine, other = sought.boxes[0], sought.boxes[1]
    near, nearer = mine + 0.2 * AHEAD, mine + 0.1 * AHEAD
    boxes = np.stack([other, near, nearer, mine])
    everything = np.ones(4, dtype=bool)
    assert sought.best_of(boxes, everything) == 3
    assert sought.best_of(boxes, np.array([True, True, True, False])) == 2
    assert sought.best_of(boxes, np.array([True, False, False, False])) is None
    assert sought.best_of(boxes[:1], everything[:1]) is None
