"""The sampled cloud with its channels, and the clouds that were made last (section 1.2)."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import torch

from posealign_core.errors import DataError
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.encode.placement import Placement, place

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from posealign_core.structures import AlignedSample, Scene
    from posealign_ll3da.config import CloudConfig, ScanConfig

__all__ = [
    "N_CHANNELS",
    "Clouds",
    "DetectorCloud",
    "PlacedCloud",
    "make_cloud",
    "require_finite",
]

N_CHANNELS = 7
"""Colour, normal, height."""
FLOOR_PERCENTILE = 0.99
"""In per cent: nearly the lowest point."""
_MEAN_RGB, _RGB_RANGE = (109.8, 97.2, 83.8), 256.0
_GREY = 127.5
_N_KEPT = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class PlacedCloud:
    """Points that a network reads, and how they lie to the sample that they were made of.

    Attributes:
        xyz: (N, 3) float32 metres.
        rows: (N,) int64 row of each point in the scene.
        placement: From INPUT.
    """

    xyz: Tensor
    rows: NDArray[np.int64]
    placement: Placement

    @property
    def low(self) -> NDArray[np.float64]:
        """(3,) least coordinates, metres."""
        low: NDArray[np.float64] = self.xyz.numpy().min(axis=0).astype(np.float64)
        return low

    @property
    def high(self) -> NDArray[np.float64]:
        """(3,) greatest coordinates, metres."""
        high: NDArray[np.float64] = self.xyz.numpy().max(axis=0).astype(np.float64)
        return high

    def tensors(self) -> dict[str, Tensor]:
        """What the network reads; the coordinates are among it."""
        return {"xyz": self.xyz}


@dataclass(frozen=True, kw_only=True, eq=False)
class DetectorCloud(PlacedCloud):
    """The detector's input.

    Attributes:
        channels: (N, 7) float32: colour, normal, height in metres.
    """

    channels: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """Coordinates and channels."""
        return {"xyz": self.xyz, "channels": self.channels}


def make_cloud(
    sample: AlignedSample, placement: Placement, config: CloudConfig, rng: np.random.Generator
) -> DetectorCloud:
    """Sample points of a scene, placed, with their channels.

    Points without colours are grey, and those without normals have zero ones.

    Args:
        sample: Its scene is in INPUT.
        placement: Where the scene goes.
        config: How it is sampled.
        rng: Draws the sample.

    Raises:
        DataError: There are no points, or coordinates or normals are not finite.
    """
    scene = sample.scene
    require_finite(scene)
    along_up = scene.points @ scene.up
    placed = placement.points(scene.points)
    height = along_up if config.height == "up" else placed[:, 2]
    rows = rng.choice(len(scene), config.n_points, replace=len(scene) < config.n_points)
    colors = np.full((len(scene), 3), _GREY) if scene.colors is None else scene.colors
    channels = [
        (colors[rows] - np.array(_MEAN_RGB)) / _RGB_RANGE,
        _normals(sample, placement, config)[rows],
        (height[rows] - np.percentile(height, FLOOR_PERCENTILE))[:, None],
    ]
    return DetectorCloud(
        xyz=torch.from_numpy(placed[rows].astype(np.float32)),
        rows=rows,
        placement=placement,
        channels=torch.from_numpy(np.concatenate(channels, axis=1).astype(np.float32)),
    )


def _normals(
    sample: AlignedSample, placement: Placement, config: CloudConfig
) -> NDArray[np.float64]:
    normals = sample.scene.normals
    if normals is None:
        return np.zeros((len(sample.scene), 3))
    if config.normals is Fidelity.RELEASED:
        return sample.input_from_world.inverse().apply_direction(normals)
    return placement.directions(normals)


def require_finite(scene: Scene) -> None:
    """Refuse a scene that no network can read.

    Raises:
        DataError: There are no points, or coordinates or normals are not finite.
    """
    parts = {"points": scene.points}
    if scene.normals is not None:
        parts["normals"] = scene.normals
    broken = {name: int((~np.isfinite(v)).any(axis=1).sum()) for name, v in parts.items()}
    if len(scene) == 0 or any(broken.values()):
        found = ", ".join(f"{n} {name} that are not finite" for name, n in broken.items())
        raise DataError(
            f"scene {scene.scene_id!r}: wanted points with finite coordinates and normals, found "
            f"{len(scene)} points, {found}; mend the scan, or leave out its normals"
        )


C = TypeVar("C", bound=PlacedCloud)


class Clouds(Generic[C]):
    """Makes clouds. What takes no random step is kept for the next question from the same place.

    Args:
        config: How scans are sampled.
        make: Samples a scene, placed, for the network.
    """

    def __init__(
        self,
        config: ScanConfig,
        make: Callable[[AlignedSample, Placement, np.random.Generator], C],
    ) -> None:
        self._config = config
        self._make = make
        self._kept: OrderedDict[object, tuple[Scene, C]] = OrderedDict()

    def training(self, sample: AlignedSample, rng: np.random.Generator) -> C:
        """An augmented cloud, drawn anew."""
        placement = place(sample, flip=self._config.flip, train=True, rng=rng)
        return self._make(sample, placement, rng)

    def plain(
        self, sample: AlignedSample, rng: np.random.Generator, placement: Placement | None = None
    ) -> C:
        """The cloud of a sample without augmentation.

        Args:
            sample: The sample.
            rng: Draws the points where `CloudConfig.sampling` is released.
            placement: Where the scene goes; as the recipe says by default.
        """
        if placement is None:
            placement = place(sample, flip=self._config.flip, train=False, rng=rng)
        if self._config.sampling is Fidelity.RELEASED:
            return self._make(sample, placement, rng)
        key = (id(sample.scene), placement.placed_from_input.tobytes())
        if key not in self._kept:
            own = np.random.default_rng(zlib.crc32(sample.scene.scene_id.encode()))
            made = self._make(sample, placement, own)
            self._kept[key] = (sample.scene, made)  # the scene lives on, so that its id stays its
            while len(self._kept) > _N_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key][1]

    def __getstate__(self) -> dict[str, object]:
        """Without what is kept; another process makes its own."""
        return {**self.__dict__, "_kept": OrderedDict()}
