from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posealign_core.errors import DataError
from posealign_rooms.catalogue import COLORS, KINDS
from posealign_rooms.furnish import MAX_OBJECTS, sample_layout

seeds = st.integers(0, 2**32 - 1)


def corners(room_object) -> np.ndarray:
    w, d, _ = room_object.size
    c, s = math.cos(room_object.yaw), math.sin(room_object.yaw)
    local = np.array([[-w, -d], [w, -d], [w, d], [-w, d]]) / 2
    return local @ np.array([[c, s], [-s, c]]) + room_object.center[:2]


def overlap(a, b) -> bool:
    """Separating axes of two turned rectangles, and their heights."""
    one, two = corners(a), corners(b)
    for yaw in (a.yaw, b.yaw):
        for turn in (yaw, yaw + math.pi / 2):
            axis = np.array([math.cos(turn), math.sin(turn)])
            p, q = one @ axis, two @ axis
            if p.max() <= q.min() + 1e-9 or q.max() <= p.min() + 1e-9:
                return False
    low, high = ([o.center[2] + sign * o.size[2] / 2 for o in (a, b)] for sign in (-1, 1))
    return max(low) < min(high) - 1e-9


@given(seeds, st.integers(1, MAX_OBJECTS))
@settings(max_examples=60, deadline=None)
def test_objects_are_as_many_as_asked_and_do_not_collide(seed: int, n: int) -> None:
    layout = sample_layout(np.random.default_rng(seed), n)
    assert [o.object_id for o in layout.objects] == list(range(n))
    assert not any(overlap(a, b) for a, b in itertools.combinations(layout.objects, 2))


def test_crowded_rooms_have_no_collisions() -> None:
    for seed in range(120):
        layout = sample_layout(np.random.default_rng(seed), 14)
        assert not any(overlap(a, b) for a, b in itertools.combinations(layout.objects, 2))


@given(seeds, st.integers(1, MAX_OBJECTS))
@settings(max_examples=60, deadline=None)
def test_objects_stand_in_the_room_on_the_floor_or_on_their_support(seed: int, n: int) -> None:
    layout = sample_layout(np.random.default_rng(seed), n)
    for o in layout.objects:
        assert (np.abs(corners(o)) <= (layout.width / 2, layout.depth / 2)).all()
        foot = o.center[2] - o.size[2] / 2
        if o.support is None:
            assert foot == pytest.approx(0.0)
        else:
            base = layout.objects[o.support]
            assert foot == pytest.approx(base.size[2])
            c, s = math.cos(base.yaw), math.sin(base.yaw)
            own = (corners(o) - base.center[:2]) @ np.array([[c, -s], [s, c]])
            assert (np.abs(own) <= np.array(base.size[:2]) / 2 + 1e-9).all()


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_groups_are_an_anchor_between_pairs(seed: int) -> None:
    layout = sample_layout(np.random.default_rng(seed), 8)
    (group,) = layout.groups
    anchor = layout.objects[group.anchor]
    assert [o.kind for o in layout.objects].count(anchor.kind) == 1
    for first, second in group.pairs:
        away = layout.centers[[first, second], :2] - anchor.center[:2]
        cosine = away[0] @ away[1] / np.prod(np.linalg.norm(away, axis=1))
        assert cosine < -0.9
        assert {first, second} < set(group.members)


def test_rooms_vary() -> None:
    layouts = [sample_layout(np.random.default_rng(i), 8) for i in range(60)]
    objects = [o for layout in layouts for o in layout.objects]
    assert {o.kind for o in objects} == set(KINDS)
    assert {o.color for o in objects} == set(COLORS)
    assert np.std([layout.width for layout in layouts]) > 0.2
    for layout in layouts:
        assert np.abs(layout.aligned_from_world.matrix - np.eye(4)).max() > 0.01
    yaws = [math.atan2(*layout.aligned_from_world.rotation[1::-1, 0]) for layout in layouts]
    assert np.ptp(yaws) > 5


def test_same_generator_same_room() -> None:
    one, two = (sample_layout(np.random.default_rng(5), 9) for _ in range(2))
    assert one.objects == two.objects
    assert one.objects != sample_layout(np.random.default_rng(6), 9).objects


def test_twins_often_need_a_direction() -> None:
    layouts = [sample_layout(np.random.default_rng(i), 8) for i in range(60)]
    twins = [
        layout.objects[a].kind == layout.objects[b].kind
        for layout in layouts
        for group in layout.groups
        for a, b in group.pairs
    ]
    assert 0.5 < np.mean(twins) < 0.9


@pytest.mark.parametrize("n", [0, MAX_OBJECTS + 1])
def test_a_number_out_of_range_is_refused(n: int) -> None:
    with pytest.raises(DataError, match="wanted 1 to"):
        sample_layout(np.random.default_rng(0), n)


def test_names_tell_objects_apart() -> None:
    layout = sample_layout(np.random.default_rng(2), 12)
    names = [name for name in layout.names if name is not None]
    assert len(set(names)) == len(names)
    for o, name in zip(layout.objects, layout.names, strict=True):
        alike = [p for p in layout.objects if p.kind == o.kind]
        if len(alike) == 1:
            assert name == f"the {o.kind}"
        elif [p.color for p in alike].count(o.color) == 1:
            assert name == f"the {o.color} {o.kind}"
        else:
            assert name is None
