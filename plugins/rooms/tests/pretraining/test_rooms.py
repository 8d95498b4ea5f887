from __future__ import annotations

import re

import numpy as np
import pytest

from posealign_core.vocabulary import AlignMode, EgoFrame, TaskKind
from posealign_rooms.catalogue import KINDS
from posealign_rooms.lexicon import lexicon
from posealign_rooms.pretraining import ask_coordinates, draw_room, look_at, room_words, scanned
from posealign_rooms.sampling import scene_of

DIRECTIONS = r"\b(left|right|leftmost|rightmost|front|behind|ahead)\b"


def looks(n: int, *, frames=(None, EgoFrame.LEVEL, EgoFrame.CAMERA)):
    rng = np.random.default_rng(2)
    rooms = []
    for _ in range(n):
        layout = draw_room(rng, 7)
        rooms.append(look_at(layout, scene_of(layout), rng, n_questions=8, frames=frames))
    return [room for room in rooms if room.samples]


def test_no_question_depends_on_the_viewpoint():
    samples = [sample for room in looks(30) for sample in room.samples]
    assert {sample.query.kind for sample in samples} == set(TaskKind)
    for sample in samples:
        assert sample.query.extra["direction_critical"] == "false"
        assert not re.search(DIRECTIONS, " ".join((sample.query.text, *sample.query.references)))


def test_captions_describe_the_object_that_they_point_at():
    captions = [s for room in looks(30) for s in room.samples if s.query.kind is TaskKind.CAPTION]
    assert captions
    for sample in captions:
        assert sample.region is not None
        assert (sample.region.object_id,) == tuple(sample.query.target_ids)
        assert sample.query.references[0]


@pytest.mark.parametrize("frame", [None, *EgoFrame])
def test_a_room_comes_in_the_frame_that_was_asked_for(frame: EgoFrame | None):
    for room in looks(5, frames=(frame,)):
        sample = room.samples[0]
        moved = sample.input_from_world.matrix
        assert sample.settings.modes == (frozenset() if frame is None else {AlignMode.TRANSFORM})
        assert np.allclose(moved, np.eye(4)) == (frame is None)
        assert np.isclose(moved[2, 2], 1.0) == (frame is not EgoFrame.CAMERA)
        if frame is not None:  # what is looked at lies ahead
            assert (sample.scene.points[:, 0] > 0).any()


def test_comparisons_of_coordinates_are_true_of_the_centres_that_are_given():
    rng = np.random.default_rng(0)
    checked = 0
    for room in looks(30):
        centers = rng.uniform(-3, 3, size=(len(room.layout.objects), 3))
        for sample in ask_coordinates(room.samples[0], room.layout, centers, rng, 6):
            pattern = r"is the ([xyz]) of (.*) larger than (.*)\?"
            found = re.fullmatch(pattern, sample.query.text)
            if found:
                i, j = (room.layout.names.index(found[k]) for k in (2, 3))
                lead = centers[i, "xyz".index(found[1])] - centers[j, "xyz".index(found[1])]
                assert sample.query.references == ("yes" if lead > 0 else "no",)
                checked += 1
    assert checked > 10


def test_a_scan_has_everything_that_points_can_have():
    rng = np.random.default_rng(1)
    layout = draw_room(rng, 4)
    scene = scanned(layout, 0.3, rng)
    assert scene.normals is not None
    assert scene.colors is not None
    assert scene.instance_ids is not None
    assert scene.superpoint_ids is not None
    assert set(np.unique(scene.instance_ids)) == {-1, *range(4)}
    assert set(np.unique(scene.superpoint_ids)) == set(range(scene.superpoint_ids.max() + 1))
    for superpoint in np.unique(scene.superpoint_ids):
        assert len(np.unique(scene.instance_ids[scene.superpoint_ids == superpoint])) == 1


def test_one_kind_of_a_renamed_room_is_unknown():
    rng = np.random.default_rng(3)
    for _ in range(5):
        kinds = {o.kind for o in draw_room(rng, 6, renamed=1.0).objects}
        assert len(kinds - KINDS.keys()) == 1
        assert not {o.kind for o in draw_room(rng, 6).objects} - KINDS.keys()


def test_words_cover_what_is_said():
    words = room_words(["Extra words."])
    assert words == sorted(set(words))
    assert {"x", "larger", "stand", "extra", "words"} <= set(words)
    assert all(set(re.findall("[a-z]+", word)) <= set(words) for word in lexicon())
