"""The voxelised cloud of a sample, and the clouds that were made last."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from posealign_3d_llava.encode.recipe import RECIPES, place
from posealign_3d_llava.model.cloud import PointCloud
from posealign_core.datasets.superpoints import superpoints_of_points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.structures import AlignedSample, Scene

__all__ = ["Clouds", "PlacedCloud"]

_N_KEPT = 4
_GREY = 127.5


class PlacedCloud(NamedTuple):
    """A cloud, and how it lies to the scene that it was made of.

    Attributes:
        cloud: The cloud.
        rows: (N',) int64 row of each point in the scene.
        input_from_camera: (4, 4) the sample's pose in the frame of the cloud, or None.
    """

    cloud: PointCloud
    rows: NDArray[np.int64]
    input_from_camera: NDArray[np.float64] | None


class Clouds:
    """Makes clouds. What takes no random step is kept for the next question from the same place.

    Args:
        voxel_size_m: Edge of a voxel.
    """

    def __init__(self, voxel_size_m: float) -> None:
        self._voxel_size_m = voxel_size_m
        self._kept: OrderedDict[object, tuple[Scene, PlacedCloud]] = OrderedDict()

    def plain(self, sample: AlignedSample) -> PlacedCloud:
        """The cloud of a sample without augmentation."""
        recipe, pose = RECIPES[sample.query.kind], sample.pose
        steps = (recipe.axis_align and sample.policy.axis_align, sample.policy.center)
        matrix = None if pose is None else pose.reference_from_camera.matrix.tobytes()
        key = (id(sample.scene), steps, sample.settings.modes, matrix)
        if key not in self._kept:
            kept = np.ones(len(sample.scene), dtype=bool)
            made = self.make(sample, kept, train=False, rng=np.random.default_rng(0))
            self._kept[key] = (sample.scene, made)  # the scene lives on, so that its id stays its
            while len(self._kept) > _N_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key][1]

    def make(
        self,
        sample: AlignedSample,
        kept: NDArray[np.bool_],
        *,
        train: bool,
        rng: np.random.Generator,
    ) -> PlacedCloud:
        """Place a sample and voxelise it; arguments as for `recipe.place`."""
        placed = place(sample, kept, self._voxel_size_m, train=train, rng=rng)
        scene, rows = sample.scene, placed.rows
        colors = np.full((len(scene), 3), _GREY) if scene.colors is None else scene.colors
        superpoints = scene.superpoint_ids
        if superpoints is None:
            superpoints = superpoints_of_points(scene.points, scene.normals)
        cloud = PointCloud.from_arrays(
            placed.coords,
            colors.take(rows, axis=0) / _GREY - 1.0,
            placed.cells,
            torch.unique(torch.from_numpy(superpoints.take(rows)), return_inverse=True)[1].numpy(),
        )
        return PlacedCloud(cloud, rows, placed.input_from_camera)

    def __getstate__(self) -> dict[str, object]:
        """Without what is kept; another process makes its own."""
        return {**self.__dict__, "_kept": OrderedDict()}
