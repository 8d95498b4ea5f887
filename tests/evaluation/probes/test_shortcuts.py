from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from answerers import LATERAL, blind, geometric, selections, subject

from posealign_core.evaluation.probes.shortcuts import ExchangedPlaces, HiddenLooks, Shortcuts
from posealign_core.structures.regions import points_in_box
from posealign_core.testing.toy_scenes import toy_scene
from posealign_core.vocabulary import TaskKind

if TYPE_CHECKING:
    from pathlib import Path


def members(scene, row):
    return scene.instance_ids == scene.objects.object_ids[row]


def test_every_object_stands_where_another_one_stood() -> None:
    scene = toy_scene()
    changed = ExchangedPlaces().scene(scene)
    old, new = scene.objects.centers, changed.objects.centers
    came_from = [int(np.linalg.norm(old - center, axis=1).argmin()) for center in new]
    assert sorted(came_from) == list(range(len(old)))
    assert all(source != row for row, source in enumerate(came_from))
    np.testing.assert_allclose(new, old[came_from], atol=1e-9)
    for row, (before, after) in enumerate(zip(old, new, strict=True)):
        own = members(scene, row)
        shift = after - before
        np.testing.assert_allclose(changed.points[own], scene.points[own] + shift, atol=1e-9)
        corners = scene.objects.corners[row] + shift
        np.testing.assert_allclose(changed.objects.corners[row], corners, atol=1e-9)
    rest = scene.instance_ids < 0
    assert np.array_equal(changed.points[rest], scene.points[rest])
    again = ExchangedPlaces().scene(scene)
    assert np.array_equal(again.points, changed.points)
    assert changed.objects.labels == scene.objects.labels


def test_one_object_has_nobody_to_change_places_with() -> None:
    scene = replace(toy_scene(), objects=None)
    assert ExchangedPlaces().scene(scene) is scene
    assert HiddenLooks().scene(scene) is scene


def test_objects_without_looks_keep_their_boxes() -> None:
    scene = toy_scene()
    changed = HiddenLooks().scene(scene)
    assert np.array_equal(changed.objects.centers, scene.objects.centers)
    assert len(set(changed.objects.labels)) == 1
    for row in range(len(scene.objects)):
        own = members(scene, row)
        assert points_in_box(changed.points[own], scene.objects.corners[row]).all()
        assert not np.allclose(changed.points[own], scene.points[own])
        assert (changed.colors[own] == 128).all()
    rest = scene.instance_ids < 0
    assert np.array_equal(changed.colors[rest], scene.colors[rest])
    bare = replace(scene, objects=replace(scene.objects, corners=None))
    own = members(scene, 0)
    spread = HiddenLooks().scene(bare).points[own]
    assert (spread.min(axis=0) >= scene.points[own].min(axis=0)).all()
    assert (spread.max(axis=0) <= scene.points[own].max(axis=0)).all()


def scores(found):
    return {row.label.split(":")[0]: row.estimate.mean for row in found if row.subset == "all"}


def test_a_model_of_places_needs_places_and_no_looks(tmp_path: Path) -> None:
    asked = subject(tmp_path, geometric)
    found = scores(Shortcuts().rows(asked))
    assert found["as the run asks"] == 1.0
    assert found["places alone"] == 1.0
    assert found["looks alone"] == 0.0  # two objects, each in the other's place


def test_a_model_that_never_looks_keeps_its_score(tmp_path: Path) -> None:
    found = scores(Shortcuts().rows(subject(tmp_path, blind)))
    assert len(set(found.values())) == 1


def test_selections_are_asked_and_captions_are_not(tmp_path: Path) -> None:
    asked = subject(tmp_path, geometric, selections())
    assert Shortcuts().reason_to_skip(asked) == ""
    captions = [replace(query, kind=TaskKind.CAPTION) for query in LATERAL]
    assert Shortcuts().reason_to_skip(replace(asked, queries=captions)) != ""
