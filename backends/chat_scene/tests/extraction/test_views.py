from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_chat_scene.extraction.frames import RgbdFrame
from posealign_chat_scene.extraction.views import object_views, visible_pixels
from posealign_core.geometry import Intrinsics

CAMERA = Intrinsics(100.0, 200.0, 320.0, 240.0, 640, 480)


def _frame(depth=2.0, pose=None) -> RgbdFrame:
    return RgbdFrame(
        frame_id="0",
        color=np.zeros((480, 640, 3), np.uint8),
        depth=None if depth is None else np.full((480, 640), depth, np.float32),
        world_from_camera=np.eye(4) if pose is None else pose,
        camera=CAMERA,
    )


def _seen(points, frame):
    pixels, seen = visible_pixels(np.array(points, float), frame)
    return [tuple(p) if s else None for p, s in zip(pixels.tolist(), seen, strict=True)]


def test_points_fall_where_a_pinhole_puts_them():
    # u = 100 x / z + 320, v = 200 y / z + 240, given as (v, u).
    points = [[0, 0, 2], [1, 0.5, 2], [-1, -0.5, 2.2]]
    assert _seen(points, _frame()) == [(240, 320), (290, 370), (195, 275)]


def test_a_camera_elsewhere_sees_the_same():
    pose = np.array([[0, 0, 1, 4.0], [-1, 0, 0, 5], [0, -1, 0, 6], [0, 0, 0, 1]])
    points = np.array([[0, 0, 2], [1, 0.5, 2.0]]) @ pose[:3, :3].T + pose[:3, 3]
    assert _seen(points, _frame(pose=pose)) == [(240, 320), (290, 370)]


def test_the_border_of_ten_pixels_sees_nothing():
    def at(v, u):
        return [(u - 320) / 50, (v - 240) / 100, 2]

    inside = [at(10, 10), at(469, 629)]
    outside = [at(9, 10), at(10, 9), at(470, 629), at(469, 630)]
    assert _seen(inside + outside, _frame()) == [(10, 10), (469, 629), *[None] * 4]


def test_a_quarter_of_the_measured_depth_is_tolerated():
    depths = [1.49, 1.5, 2.0, 2.5, 2.51]
    seen = _seen([[0, 0, z] for z in depths], _frame(2.0))
    assert [s is not None for s in seen] == [False, True, True, True, False]


def test_nothing_is_seen_behind_or_where_nothing_was_measured():
    assert _seen([[0, 0, -2], [0, 0, 0]], _frame()) == [None, None]
    assert _seen([[0, 0, 2]], _frame(0.0)) == [None]
    assert _seen([[0, 0, 2]], _frame(None)) == [None]
    assert _seen([[np.nan, 0, 2]], _frame()) == [None]


def _views(corners, seen=None):
    pixels = np.array(corners)
    seen = np.ones(len(pixels), bool) if seen is None else np.array(seen)
    return object_views({7: np.arange(len(pixels))}, pixels, seen)


def test_the_area_is_that_of_the_hull():
    (view,) = _views([[100, 100], [100, 160], [140, 100], [140, 160], [120, 130]])
    assert view.area_px == pytest.approx(40 * 60)
    assert (view.object_id, view.low, view.high) == (7, (100, 100), (140, 160))
    (triangle,) = _views([[0, 0], [0, 80], [60, 0]])
    assert triangle.area_px == pytest.approx(2400)


@pytest.mark.parametrize(
    ("corners", "n"),
    [
        ([[0, 0], [30, 0], [0, 40], [30, 40]], 1),  # a patch of 1200 pixels
        ([[0, 0], [30, 0], [0, 39], [30, 39]], 0),
        ([[0, 0], [60, 40], [59, 40]], 0),  # a large box around a thin triangle
        ([[0, 0], [50, 50], [100, 100]], 0),  # on a line
        ([[0, 0], [100, 100]], 0),
    ],
)
def test_what_is_too_small_is_no_view(corners, n):
    assert len(_views(corners)) == n


def test_only_visible_points_count():
    corners = [[0, 0], [100, 0], [0, 100], [100, 100]]
    assert _views(corners, [True, True, False, False]) == []
    assert _views(corners, [True, True, True, False])[0].area_px == pytest.approx(5000)


@given(st.lists(st.tuples(st.integers(0, 479), st.integers(0, 639)), min_size=3, max_size=12))
def test_the_area_is_the_sum_over_a_fan_of_the_hull(corners):
    """A second way: gift wrapping, then the shoelace formula."""
    points = sorted(set(corners))
    area = _shoelace(_wrapped(points)) if len(points) > 2 else 0.0
    views = _views(corners)
    assert len(views) == (area >= 1200)
    if views:
        assert views[0].area_px == pytest.approx(area)


def _wrapped(points):
    def turn(o, a, b):
        return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])

    def half(ordered):
        chain = []
        for p in ordered:
            while len(chain) > 1 and turn(chain[-2], chain[-1], p) <= 0:
                chain.pop()
            chain.append(p)
        return chain[:-1]

    return half(points) + half(points[::-1])


def _shoelace(hull):
    following = hull[1:] + hull[:1]
    return abs(sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(hull, following, strict=True))) / 2
