"""Two captures of one room from opposite sides, only one of which is kept.

Which side of a group its cameras stand on decides what is left and right of it. A room is therefore
planned with two captures: the same things are looked at from places on opposite sides, the same
questions could be asked in both, and a fair coin that enters nothing else keeps one. Whoever knows
the room and the questions but no camera is at chance about the directional ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import Frame, RigidTransform
from posealign_rooms.trajectory import Fixation, camera_path
from posealign_rooms.viewpoint import Sight, Viewpoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.geometry import Intrinsics
    from posealign_rooms.layout import Layout

__all__ = ["Capture", "sample_captures"]

_TRIES = 60


@dataclass(frozen=True, eq=False)
class Capture:
    """One camera path and the places on it from which questions are asked.

    Attributes:
        aligned_from_camera: (V, 4, 4) all poses in the axis-aligned frame, RDF, still valid ones.
        asked_frames: Index of the frame of each viewpoint.
        intrinsics: The camera.
    """

    aligned_from_camera: NDArray[np.float64]
    asked_frames: tuple[int, ...]
    intrinsics: Intrinsics

    def viewpoint(self, index: int) -> Viewpoint:
        """The camera of a viewpoint."""
        matrix = self.aligned_from_camera[self.asked_frames[index]]
        pose = RigidTransform(matrix, Frame.AXIS_ALIGNED, Frame.CAMERA)
        return Viewpoint(pose, self.intrinsics)


def sample_captures(
    layout: Layout,
    intrinsics: Intrinsics,
    rng: np.random.Generator,
    *,
    n_viewpoints: int,
    n_frames: int,
) -> tuple[Capture, Capture] | None:
    """Plan both captures of a room, or return None where there is no room to stand.

    Args:
        layout: The room; it has at least one group.
        intrinsics: The camera.
        rng: The only source of randomness.
        n_viewpoints: How many places questions are asked from.
        n_frames: Length of each camera path.
    """
    arc = math.radians(rng.uniform(70.0, 150.0))
    foci = [_focus(layout, i, rng) for i in range(n_viewpoints)]
    for quarter in rng.permutation(4)[:2].tolist():
        side = quarter * math.pi / 2 + rng.normal(0.0, 0.1)
        stops = []
        for focus in foci:
            pair = _stops(layout, intrinsics, rng, focus, side=side, arc=arc)
            if pair is None:
                break
            stops.append(pair)
        else:
            one, other = (
                _record(layout, intrinsics, rng, list(walk), side=side, n_frames=n_frames)
                for walk in zip(*stops, strict=True)
            )
            return one, other
    return None


@dataclass(frozen=True, slots=True)
class _Focus:
    """What is looked at in either capture.

    Mostly it is a group's anchor, with a pair on both sides of it in the image. Else it is one of
    the pair in one capture and the other one in the other: the words "the chair left of the table"
    then mean what is looked at in both.
    """

    anchor: int
    targets: tuple[int, int]
    shown: tuple[frozenset[int], frozenset[int]]


def _focus(layout: Layout, index: int, rng: np.random.Generator) -> _Focus:
    group = layout.groups[index % len(layout.groups)]
    first, second = group.pairs[int(rng.integers(len(group.pairs)))]
    if rng.random() < 0.7:
        everything = frozenset({group.anchor, first, second})
        return _Focus(group.anchor, (group.anchor, group.anchor), (everything, everything))
    if rng.random() < 0.5:
        first, second = second, first
    shown = (frozenset({group.anchor, first}), frozenset({group.anchor, second}))
    return _Focus(group.anchor, (first, second), shown)


def _stops(
    layout: Layout,
    intrinsics: Intrinsics,
    rng: np.random.Generator,
    focus: _Focus,
    *,
    side: float,
    arc: float,
) -> tuple[Fixation, Fixation] | None:
    """Two places to stand on opposite sides of a group, or None where there are none."""
    middle = layout.centers[focus.anchor]
    for _ in range(_TRIES):
        angle, reach = side + rng.uniform(-0.5, 0.5) * arc, rng.uniform(2.1, 3.8)
        height = float(np.clip(rng.normal(1.52, 0.08), 1.25, 1.8))
        turns = [angle + half * math.pi + rng.normal(0.0, 0.08) for half in (0, 1)]
        one, other = (
            Fixation(
                (middle[0] + reach * math.cos(t), middle[1] + reach * math.sin(t), height),
                layout.objects[target].center,
            )
            for t, target in zip(turns, focus.targets, strict=True)
        )
        if (
            layout.is_free(*one.eye[:2])
            and layout.is_free(*other.eye[:2])
            and _shows(layout, intrinsics, one, focus.shown[0])
            and _shows(layout, intrinsics, other, focus.shown[1])
        ):
            return one, other
    return None


def _shows(layout: Layout, intrinsics: Intrinsics, stop: Fixation, wanted: frozenset[int]) -> bool:
    pose = Viewpoint.looking(stop.eye, stop.goal).aligned_from_camera
    return wanted <= Sight(layout, Viewpoint(pose, intrinsics)).in_view


def _record(
    layout: Layout,
    intrinsics: Intrinsics,
    rng: np.random.Generator,
    stops: list[Fixation],
    *,
    side: float,
    n_frames: int,
) -> Capture:
    """Walk past all stops, across the side they are on, and look round at all else on the way."""

    def along(i: int) -> float:
        x, y, _ = stops[i].eye
        return y * math.cos(side) - x * math.sin(side)

    route: list[tuple[Fixation, int | None]] = [
        (stops[i], i) for i in sorted(range(len(stops)), key=along)
    ]
    grouped = {m for group in layout.groups for m in group.members}
    for other in layout.objects:
        if other.object_id in grouped:
            continue
        apart = [math.dist(stop.eye[:2], other.center[:2]) for stop, _ in route]
        nearest = apart.index(min(apart))
        route.insert(nearest + 1, (Fixation(route[nearest][0].eye, other.center), None))
    poses, frames = camera_path([stop for stop, _ in route], n_frames, rng)
    asked = {i: frame for (_, i), frame in zip(route, frames, strict=True) if i is not None}
    return Capture(poses, tuple(asked[i] for i in range(len(stops))), intrinsics)
