"""How large a set of rooms is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["PRESETS", "Preset"]


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One row of the table of sizes.

    Attributes:
        name: Name on the command line.
        n_train: Scenes of the split train.
        n_val: Scenes of the split val.
        n_objects: Least and largest number of objects in a room.
        spacing_m: Distance between neighbouring vertices, metres.
        n_frames: Frames of a camera path.
        image_every: One of this many frames is rendered.
        image_scale: Rendered image side over colour camera side.
        n_viewpoints: Places that questions are asked from, per scene.
        n_directional: Questions per place and benchmark whose answer depends on the place.
        n_plain: Questions per place and benchmark whose answer does not.
    """

    name: str
    n_train: int
    n_val: int
    n_objects: tuple[int, int]
    spacing_m: float
    n_frames: int
    image_every: int
    image_scale: float
    n_viewpoints: int
    n_directional: int = 4
    n_plain: int = 4


PRESETS: Final = {
    preset.name: preset
    for preset in (
        Preset(
            name="mini",
            n_train=48,
            n_val=16,
            n_objects=(6, 9),
            spacing_m=0.08,
            n_frames=120,
            image_every=20,
            image_scale=0.125,
            n_viewpoints=12,
        ),
        Preset(
            name="small",
            n_train=200,
            n_val=50,
            n_objects=(7, 12),
            spacing_m=0.045,
            n_frames=300,
            image_every=25,
            image_scale=0.25,
            n_viewpoints=12,
        ),
        Preset(
            name="large",
            n_train=1000,
            n_val=200,
            n_objects=(8, 16),
            spacing_m=0.037,
            n_frames=500,
            image_every=25,
            image_scale=0.25,
            n_viewpoints=16,
        ),
    )
}
