from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from posealign_core.geometry import Frame
from posealign_core.vocabulary import TaskKind
from posealign_rooms.lexicon import lexicon, words_of
from posealign_rooms.questions.phrases import WORDINGS, a
from posealign_rooms.sampling import (
    questions_of,
    sample_layout,
    sample_viewpoint,
    scene_of,
    world_pose,
)

KINDS = ("scanqa", "sqa3d", "scanrefer", "nr3d", "multi3drefer")


def draw(seed: int, n_objects: int, kinds=KINDS, **options):
    rng = np.random.default_rng(seed)
    layout = sample_layout(rng, n_objects)
    viewpoint = sample_viewpoint(layout, rng)
    return layout, viewpoint, questions_of(layout, viewpoint, rng, kinds, **options)


@pytest.mark.parametrize("n_objects", [1, 2, 3, 5, 8])
def test_plain_questions_exist_for_every_size_of_the_curriculum(n_objects: int) -> None:
    for seed in range(10):
        _, _, queries = draw(seed, n_objects, ("scanqa", "sqa3d"), directional=0.0)
        assert len(queries) == 8
        assert {q.extra["direction_critical"] for q in queries} == {"false"}


def test_shares_and_kinds() -> None:
    _, _, queries = draw(0, 8, n=40, directional=1.0)
    assert {q.extra["direction_critical"] for q in queries} == {"true"}
    _, _, queries = draw(0, 8, n=40)
    counts = Counter(q.benchmark for q in queries)
    assert set(counts) == set(KINDS)
    assert 5 <= min(counts.values()) <= max(counts.values()) <= 8
    by_kind = {q.benchmark: q.kind for q in queries}
    assert by_kind["scanqa"] is TaskKind.ANSWER
    assert by_kind["nr3d"] is TaskKind.SELECT
    assert by_kind["scanrefer"] is TaskKind.GROUND
    assert len({q.query_id for q in queries}) == len(queries)


def test_queries_fit_their_scene() -> None:
    layout, viewpoint, queries = draw(1, 7, n=30)
    scene = scene_of(layout)
    assert scene.frame is Frame.WORLD
    assert scene.objects is not None
    pose = world_pose(layout, viewpoint)
    for query in queries:
        assert set(query.target_ids) <= set(scene.objects.object_ids.tolist())
        assert (query.references != ()) == (query.kind is TaskKind.ANSWER)
        np.testing.assert_array_equal(query.annotated_pose.matrix, pose.matrix)
        if query.kind is TaskKind.SELECT:
            assert query.candidates == tuple(range(7))
        if query.benchmark != "sqa3d":
            assert query.situation == ""


def test_scenes_carry_boxes_and_colors() -> None:
    layout, _, _ = draw(2, 6)
    scene = scene_of(layout)
    assert len(scene) == 6 * 8
    for o in layout.objects:
        own = scene.instance_ids == o.object_id
        np.testing.assert_allclose(
            scene.points[own].mean(axis=0), scene.objects.centers[o.object_id]
        )
        assert np.abs(scene.colors[own] - np.array(o.rgb) * 0.88).max() < 1.01
        edges = np.linalg.norm(np.diff(scene.points[own][[0, 1, 3, 7]], axis=0), axis=1)
        np.testing.assert_allclose(edges, o.size)


def test_same_generator_same_questions() -> None:
    one, two = (draw(4, 8, n=20)[2] for _ in range(2))
    assert [(q.text, q.references, q.target_ids) for q in one] == [
        (q.text, q.references, q.target_ids) for q in two
    ]


def test_yes_and_no_are_balanced() -> None:
    answers: dict[str, Counter[str]] = {}
    for seed in range(60):
        for query in draw(seed, 6, ("scanqa", "sqa3d"), n=16)[2]:
            if query.references[0] in {"yes", "no", "left", "right"}:
                family = answers.setdefault(query.extra["family"], Counter())
                family[query.references[0]] += 1
    for family, counts in answers.items():
        for one, other in (("yes", "no"), ("left", "right")):
            total = counts[one] + counts[other]
            if total > 80:
                assert 0.35 < counts[one] / total < 0.65, (family, counts)


def test_texts_never_leave_the_lexicon() -> None:
    known = set(lexicon())
    forms = 0
    for seed in range(40):
        for query in draw(seed, 4 + seed % 8, n=40)[2]:
            forms += 1
            text = " ".join((query.text, query.situation, *query.references))
            assert set(words_of(text)) <= known, text
    assert forms > 1000
    assert 100 < len(known) < 400


def test_every_wording_is_a_sentence() -> None:
    for form, wordings in WORDINGS.items():
        assert len(set(wordings)) == len(wordings)
        for wording in wordings:
            assert wording == wording.lower()
            assert wording[-1] in ".?", form


def test_words() -> None:
    assert words_of("I'm near the sofa, facing it. Is it red?") == [
        "i'm", "near", "the", "sofa", ",", "facing", "it", ".", "is", "it", "red", "?",
    ]  # fmt: skip
    assert a("orange chair") == "an orange chair"
    assert a("chair") == "a chair"


def test_attentive_questions_are_about_what_is_seen() -> None:
    for seed in range(10):
        layout, viewpoint, queries = draw(seed, 8, ("scanrefer", "nr3d"), n=12, attentive=True)
        in_camera = viewpoint.aligned_from_camera.inverse().apply(layout.centers)
        off_axis = np.degrees(np.arctan2(np.hypot(*in_camera.T[:2]), in_camera[:, 2]))
        for query in queries:
            assert off_axis[list(query.target_ids)].max() < 25.01
