"""What a dataset is: scenes and camera trajectories, by name."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from posealign_core.structures import CameraTrajectory, Scene

__all__ = ["Dataset"]


class Dataset(abc.ABC):
    """Reads scans from one folder tree. Cheap to build: nothing is read before it is asked for.

    Args:
        root: The tree's root folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @abc.abstractmethod
    def scene_ids(self, split: str | None = None) -> list[str]:
        """Names of the scans of a split (`"train"`, `"val"`, `"test"`), or of all, sorted.

        Raises:
            DataError: The tree has no such split.
        """

    @abc.abstractmethod
    def scene(self, scene_id: str) -> Scene:
        """Read one scan, in WORLD.

        Raises:
            SceneNotFoundError: The tree does not hold it.
            DataError: A file is damaged.
        """

    def file_checks(self, scene_id: str) -> Sequence[Callable[[], object]]:
        """Readers of the single files of one scan, for `posealign data verify`.

        Each raises `DataError` for a missing or damaged file. `scene` and `trajectory` are tried
        after them, so a data set that names nothing here is still checked, up to its first fault.
        """
        return ()

    def tree_checks(self) -> Sequence[Callable[[], object]]:
        """Readers of the files that belong to no single scan, likewise."""
        return ()

    @abc.abstractmethod
    def trajectory(self, scene_id: str) -> CameraTrajectory:
        """Read the recorded cameras of one scan, invalid frames included.

        Raises:
            SceneNotFoundError: The tree does not hold it.
            PoseNotFoundError: The scan has no poses.
            DataError: A file is damaged.
        """
