"""The objects of a scan as sets of points, from detected masks or from the annotation."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.datasets.objects import vertices_by_id
from posealign_core.datasets.proposals import read_detected_masks
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.datasets.base import Dataset
    from posealign_core.structures import Scene

__all__ = ["MAX_OBJECTS", "Annotated", "Detected", "ObjectSource", "ScanObjects"]

MAX_OBJECTS = 100
"""Objects of a scan that the model sees; later ones are listed by name alone (spec 2.2)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanObjects:
    """The objects of one scan.

    Attributes:
        scene: The scan, in WORLD.
        object_ids: n ids, in the order of the file that they come from.
        labels: n category names.
        members: n arrays of point indices; an object may have none.
    """

    scene: Scene
    object_ids: tuple[int, ...]
    labels: tuple[str, ...]
    members: tuple[NDArray[np.int64], ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def aligned_points(self) -> NDArray[np.float32]:
        """(N, 3) points in AXIS_ALIGNED, metres: the frame of all published geometry (spec 2.1)."""
        aligned = self.scene.aligned_from_world.apply(self.scene.points)
        return aligned.astype(np.float32)

    @property
    def colors(self) -> NDArray[np.uint8]:
        """(N, 3) red, green, blue.

        Raises:
            DataError: The scan has no colours.
        """
        if self.scene.colors is None:
            raise DataError(
                f"scan {self.scene.scene_id!r}: wanted coloured points, found none; Chat-Scene's "
                "features cannot be made without colours"
            )
        return self.scene.colors


class ObjectSource(abc.ABC):
    """Where objects come from; picklable, so that scans can be read in parallel.

    Args:
        dataset: The scans.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    @abc.abstractmethod
    def read(self, scene_id: str) -> ScanObjects:
        """The objects of one scan.

        Raises:
            SceneNotFoundError: There is no such scan.
            DataError: A file is missing or damaged, or lists no object.
        """


class Annotated(ObjectSource):
    """The annotated objects, with the ids that every annotation file refers to."""

    def read(self, scene_id: str) -> ScanObjects:
        """The objects of the scan's annotation."""
        scene = self.dataset.scene(scene_id)
        if scene.instance_ids is None or scene.objects is None or not len(scene.objects):
            raise DataError(
                f"scan {scene_id!r}: wanted annotated objects, found none; give detected masks "
                "with --masks"
            )
        by_id = vertices_by_id(scene.instance_ids)
        object_ids = tuple(scene.objects.object_ids.tolist())
        return ScanObjects(
            scene=scene,
            object_ids=object_ids,
            labels=scene.objects.labels,
            members=tuple(by_id.get(i, np.zeros(0, np.int64)) for i in object_ids),
        )


class Detected(ObjectSource):
    """The proposals of a detector; an object's id is its place in the file (spec 2.1).

    Args:
        dataset: The scans.
        folder: Folder with `<scan>.pt`, as published in `mask3d_inst_seg`.
    """

    def __init__(self, dataset: Dataset, folder: Path) -> None:
        super().__init__(dataset)
        self.folder = folder

    def read(self, scene_id: str) -> ScanObjects:
        """The proposals of the scan."""
        path = self.folder / f"{scene_id}.pt"
        scene = self.dataset.scene(scene_id)
        masks = read_detected_masks(path)
        if not masks:
            raise DataError(
                f"{path}: wanted at least one proposal, found none; run the detector again with a "
                "lower threshold, or leave this scan out"
            )
        for number, (_, members) in enumerate(masks):
            if len(members) and not 0 <= members.min() <= members.max() < len(scene):
                raise DataError(
                    f"{path}: proposal {number} wants points up to {members.max()}, the scan has "
                    f"{len(scene)}; the two are of different meshes"
                )
        return ScanObjects(
            scene=scene,
            object_ids=tuple(range(len(masks))),
            labels=tuple(label for label, _ in masks),
            members=tuple(members for _, members in masks),
        )
