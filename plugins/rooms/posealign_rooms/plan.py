"""Everything about one scene of a set, as symbols: the files follow from it and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.geometry import Frame, Intrinsics, RigidTransform
from posealign_rooms.capture import sample_captures
from posealign_rooms.furnish import sample_layout
from posealign_rooms.questions.choose import TOPICS, Asked, ask
from posealign_rooms.trajectory import lose_tracking
from posealign_rooms.viewpoint import COLOR_CAMERA, Sight

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from posealign_rooms.layout import Layout
    from posealign_rooms.presets import Preset

__all__ = ["AskedView", "RoomPlan", "plan_room", "scene_ids", "split_of"]


@dataclass(frozen=True, eq=False)
class AskedView:
    """A viewpoint and all that is asked from it.

    Attributes:
        frame: Index of the frame in the trajectory.
        asked: Questions and descriptions by benchmark.
    """

    frame: int
    asked: Mapping[str, tuple[Asked, ...]]


@dataclass(frozen=True, kw_only=True, eq=False)
class RoomPlan:
    """One scene.

    Attributes:
        scene_id: `scene0000_00`, ...
        split: `"train"` or `"val"`.
        layout: The room.
        intrinsics: Colour camera of the scan.
        world_from_camera: (V, 4, 4) recorded poses, six decimals, a few of them invalid.
        views: Viewpoints and questions; their frames are valid.
        capture: Which of the two planned captures was kept.
    """

    scene_id: str
    split: str
    layout: Layout
    intrinsics: Intrinsics
    world_from_camera: NDArray[np.float64]
    views: tuple[AskedView, ...]
    capture: int

    def pose(self, frame: int) -> RigidTransform:
        """World-from-camera of a frame with a valid pose."""
        return RigidTransform(self.world_from_camera[frame], Frame.WORLD, Frame.CAMERA)

    def pose_in_room(self, frame: int) -> RigidTransform:
        """The same in the axis-aligned frame."""
        return self.layout.aligned_from_world @ self.pose(frame)


def scene_ids(preset: Preset) -> list[str]:
    """Names of all scenes; those of train come first."""
    return [f"scene{i:04d}_00" for i in range(preset.n_train + preset.n_val)]


def split_of(preset: Preset, index: int) -> str:
    """Split of the scene with that index."""
    return "train" if index < preset.n_train else "val"


def plan_room(preset: Preset, seed: int, index: int, *, capture: int | None = None) -> RoomPlan:
    """Plan one scene; the same arguments always give the same plan.

    Args:
        preset: Size of the set.
        seed: Seed of the set.
        index: Number of the scene.
        capture: Keep this one of the two captures instead of flipping the coin.
    """
    rooms, words, coin = (
        np.random.default_rng(s) for s in np.random.SeedSequence([seed, index]).spawn(3)
    )
    while True:
        layout = sample_layout(
            rooms, int(rooms.integers(preset.n_objects[0], preset.n_objects[1] + 1))
        )
        intrinsics = _camera(rooms)
        captures = sample_captures(
            layout,
            intrinsics,
            rooms,
            n_viewpoints=preset.n_viewpoints,
            n_frames=preset.n_frames,
        )
        if captures is not None:
            break
    kept = int(coin.integers(2)) if capture is None else capture
    views = []
    for i, frame in enumerate(captures[kept].asked_frames):
        sights = [Sight(layout, c.viewpoint(i)) for c in captures]
        asked = {
            name: tuple(
                ask(
                    topic,
                    sights,
                    words,
                    true=kept,
                    n_directional=preset.n_directional,
                    n_plain=preset.n_plain,
                )
            )
            for name, topic in TOPICS.items()
        }
        views.append(AskedView(frame, asked))
    poses = layout.world_from_aligned.matrix @ captures[kept].aligned_from_camera
    poses = lose_tracking(poses.round(6), captures[kept].asked_frames, coin)
    return RoomPlan(
        scene_id=f"scene{index:04d}_00",
        split=split_of(preset, index),
        layout=layout,
        intrinsics=intrinsics,
        world_from_camera=poses,
        views=tuple(views),
        capture=kept,
    )


def _camera(rng: np.random.Generator) -> Intrinsics:
    """A camera of one of two resolutions, a few per cent off the nominal one."""
    scale = 1.0 if rng.random() < 0.8 else 640.0 / 1296.0
    nominal = COLOR_CAMERA
    width, height = (nominal.width, nominal.height) if scale == 1.0 else (640, 480)
    fx = nominal.fx * scale * (1.0 + rng.uniform(-0.05, 0.05))
    return Intrinsics(
        round(fx, 6),
        round(fx * (1.0 + rng.uniform(-0.004, 0.004)), 6),
        round(width / 2 + rng.uniform(-0.01, 0.01) * width, 6),
        round(height / 2 + rng.uniform(-0.01, 0.01) * height, 6),
        width,
        height,
    )
