"""What is known of each object: its 3-D and its 2-D feature (2.6 and 9.6)."""

from __future__ import annotations

import abc
import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from posealign_chat_scene.extraction.tables import FeatureTable, PoseFeatures, YawFeatures
from posealign_core.errors import ConfigError, DataError
from posealign_core.vocabulary import AlignMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_chat_scene.config import ChatSceneConfig
    from posealign_chat_scene.extraction.tables import ObjectFeatures
    from posealign_chat_scene.objects.proposals import Proposals
    from posealign_core.structures import AlignedSample, EgoPose

__all__ = ["FeatureSource", "KnownObjects", "TableFeatures", "heading_of"]


class KnownObjects(NamedTuple):
    """Features of a scene's n objects.

    Attributes:
        points: (n, D3) float32, zeros where missing.
        images: (n, D2) float32, zeros where missing.
        n_missing: Objects without a 3-D feature, and without a 2-D feature.
    """

    points: NDArray[np.float32]
    images: NDArray[np.float32]
    n_missing: tuple[int, int]


class FeatureSource(abc.ABC):
    """Where features come from. Picklable; what it has read stays in the process."""

    @abc.abstractmethod
    def of(self, sample: AlignedSample, proposals: Proposals) -> KnownObjects:
        """Features of a sample's objects.

        Raises:
            DataError: A file is missing, damaged or of other sizes.
        """


class TableFeatures(FeatureSource):
    """Features from tables in the published layout.

    Args:
        config: Of the backbone.

    Raises:
        ConfigError: Re-extracted features are wanted, and no table of them is named.
    """

    def __init__(self, config: ChatSceneConfig) -> None:
        self._files = config.objects
        self._dims = config.network.point_dim, config.network.image_dim
        needs = {"yaw": ("yaw_points",), "exact": ("pose_points",), "none": ()}
        wanted = needs[config.objects.reextract]
        faults = [
            f"objects.{name}: wanted where features for reextract = {config.objects.reextract!r} "
            "are, found nothing"
            for name in wanted
            if getattr(config.objects, name) is None
        ]
        if faults:
            raise ConfigError(faults, source="backbone.config")

    def of(self, sample: AlignedSample, proposals: Proposals) -> KnownObjects:
        """Look features up; see the base class."""
        scene_id, keys = sample.scene.scene_id, proposals.keys
        images = _look_up(self._files.images, self._dims[1], scene_id, keys)
        pose = sample.pose
        if pose is None or AlignMode.TRANSFORM not in sample.settings.modes:
            pose = None
        points = self._points(sample, keys, proposals, pose)
        missing = (len(keys) - int(found.sum()) for found in (points[1], images[1]))
        return KnownObjects(points[0], images[0], (next(missing), next(missing)))

    def _points(
        self, sample: AlignedSample, keys: Sequence[int], proposals: Proposals, pose: EgoPose | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        files, scene_id = self._files, sample.scene.scene_id
        if pose is None or files.reextract == "none":
            return _look_up(files.points, self._dims[0], scene_id, keys)
        if files.reextract == "yaw" and files.yaw_points is not None:
            turned = _read_yaws(files.yaw_points)
            return _fitting(
                turned.of(scene_id, keys, heading_of(pose, proposals)), self._dims[0], "3-D"
            )
        if files.pose_points is None or pose.frame_id is None:
            raise DataError(
                f"scene {scene_id!r}: reextract = 'exact' wants poses of frames, found one from "
                f"{pose.source.value!r} without a frame; use reextract = 'yaw', or a selector that "
                "chooses frames"
            )
        tables = PoseFeatures(files.pose_points, sample.settings.ego_frame)
        exact = tables.of(scene_id, pose.frame_id, keys)
        return _fitting(exact, self._dims[0], "3-D")


def heading_of(pose: EgoPose, proposals: Proposals) -> float:
    """Direction that an asker faces in the axis-aligned frame, radians from +x.

    Args:
        pose: In INPUT.
        proposals: They know the axis-aligned frame.
    """
    forward = proposals.aligned_from_input.rotation @ pose.reference_from_camera.rotation[:, 2]
    return math.atan2(forward[1], forward[0])


def _look_up(
    paths: Sequence[Path], dim: int, scene_id: str, keys: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Rows of the first table that knows each object; zeros where none does."""
    values, found = np.zeros((len(keys), dim), np.float32), np.zeros(len(keys), bool)
    for path in paths:
        there = _fitting(_read_table(path).of(scene_id, keys), dim, str(path))
        fresh = there[1] & ~found
        values[fresh], found[fresh] = there[0][fresh], True
    return values, found


def _fitting(
    features: ObjectFeatures, dim: int, where: str
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    if features.values.shape[1] != dim:
        raise DataError(
            f"{where}: wanted features of length {dim}, found {features.values.shape[1]}; set "
            "backbone.config.network accordingly"
        )
    return features.values, features.found


_read_table: Callable[[Path], FeatureTable] = lru_cache(maxsize=8)(FeatureTable.read)
_read_yaws: Callable[[Path], YawFeatures] = lru_cache(maxsize=2)(YawFeatures.read)
