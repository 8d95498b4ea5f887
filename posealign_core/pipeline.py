"""From a query to the sample that an encoder reads: scene, pose, alignment."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from posealign_core.align import align_sample
from posealign_core.errors import PoseNotFoundError
from posealign_core.host import build_host
from posealign_core.recover import PoseNoise, load_table, query_rng, table_path

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from pathlib import Path

    from posealign_core.datasets.base import Dataset
    from posealign_core.host import PluginHost
    from posealign_core.recover.selectors import Selector
    from posealign_core.structures import (
        AlignedSample,
        AlignSettings,
        CameraTrajectory,
        EgoPose,
        Query,
        Scene,
        VisibilityTable,
    )

__all__ = ["QueryPipeline", "count_fallbacks", "count_poses"]

_NO_NOISE = PoseNoise()


class _Scan(NamedTuple):
    scene: Scene
    trajectory: CameraTrajectory | None
    visibility: VisibilityTable | None

    @property
    def n_bytes(self) -> int:
        """Memory of the scene, with the moved copy and its moved copy that it comes to hold."""
        arrays = (getattr(self.scene, field.name) for field in fields(self.scene))
        return 3 * sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


class _Scans:
    """The scans that were asked for last, within a budget of memory."""

    def __init__(self, size_mib: int) -> None:
        self.size_mib = size_mib
        self._scans: OrderedDict[str, _Scan] = OrderedDict()
        self._n_bytes = 0

    def get(self, scene_id: str, read: Callable[[str], _Scan]) -> _Scan:
        if scene_id not in self._scans:
            self._scans[scene_id] = read(scene_id)
            self._n_bytes += self._scans[scene_id].n_bytes
            while self._n_bytes > self.size_mib * 2**20 and len(self._scans) > 1:
                self._n_bytes -= self._scans.popitem(last=False)[1].n_bytes
        self._scans.move_to_end(scene_id)
        return self._scans[scene_id]


class QueryPipeline:
    """Makes the aligned sample of a query, the same one in any process and in any order.

    The pose of a query is drawn anew in each epoch, from a generator that depends on nothing but
    the run's seed, the epoch and the query's id. A pickled pipeline (data-loader workers that are
    spawned) builds its own host.

    Args:
        host: Registered components and pose hooks.
        dataset: Where scenes and trajectories come from.
        queries: The run's queries.
        tables_dir: Folder of the visibility tables.
        selector: The rule that chooses a pose.
        settings: Where the pose goes; without modes no pose is looked for.
        backbone: Registered name of the backbone that will read the samples.
        seed: The run's seed.
        noise: How far poses are turned and shifted at random, after they were chosen.
        cache_mib: Memory for scans that are used again, per process; one is always kept.
        host_factory: What builds the host in another process; importable by name.
    """

    def __init__(  # noqa: PLR0917 - what a sample is made of, in order
        self,
        host: PluginHost,
        dataset: Dataset,
        queries: Sequence[Query],
        tables_dir: Path,
        selector: Selector,
        settings: AlignSettings,
        *,
        backbone: str,
        seed: int,
        noise: PoseNoise = _NO_NOISE,
        cache_mib: int = 1024,
        host_factory: Callable[[], PluginHost] = build_host,
    ) -> None:
        self.host = host
        self.dataset = dataset
        self.queries = tuple(queries)
        self.tables_dir = tables_dir
        self.selector = selector
        self.settings = settings
        self.backbone = backbone
        self.seed = seed
        self.noise = noise
        self.host_factory = host_factory
        self._scans = _Scans(cache_mib)

    def pose(self, query: Query, epoch: int) -> EgoPose | None:
        """Ego pose of a query in an epoch, in WORLD; None where the run uses no poses.

        Raises:
            PoseNotFoundError: The scan's visibility table has not been made, or the scan has no
                usable pose.
            SceneNotFoundError: The data set lacks the scan.
        """
        if not self.settings.modes:
            return None
        scan = self._scan(query.scene_id)
        if scan.trajectory is None or scan.visibility is None:
            raise PoseNotFoundError(f"scene {query.scene_id!r}: it was read without its poses")
        rng = query_rng(self.seed, epoch, query.query_id)
        pose = self.host.recover_pose(
            query=query,
            scene=scan.scene,
            trajectory=scan.trajectory,
            visibility=scan.visibility,
            selector=self.selector,
            rng=rng,
        )
        return pose if self.noise == _NO_NOISE else self.noise.apply(pose, scan.scene.up, rng)

    def view(self, query: Query, epoch: int) -> Hashable:
        """What queries have in common that share scan and pose in an epoch; errors as for `pose`.

        Whoever goes through queries view by view has each scan aligned and encoded once.
        """
        pose = self.pose(query, epoch)
        if pose is None:
            return query.scene_id
        return query.scene_id, pose.reference_from_camera.matrix.tobytes(), pose.intrinsics

    def sample(self, query: Query, epoch: int) -> AlignedSample:
        """Align a query's scene with its pose of an epoch.

        Samples in a row of one scan from equal poses share their `Scene` object, so that an encoder
        may keep what it computed for it.

        Raises:
            DataError: As `pose` does, or a file of the scan is damaged.
        """
        scene, pose = self.scene(query.scene_id), self.pose(query, epoch)
        return align_sample(self.host, self.backbone, query, scene, pose, self.settings)

    def scene(self, scene_id: str) -> Scene:
        """A scan of the data set, in WORLD.

        Raises:
            SceneNotFoundError: The data set lacks it.
        """
        return self._scan(scene_id).scene

    def _scan(self, scene_id: str) -> _Scan:
        return self._scans.get(scene_id, self._read)

    def _read(self, scene_id: str) -> _Scan:
        scene = self.dataset.scene(scene_id)
        if not self.settings.modes:
            return _Scan(scene, None, None)
        table = table_path(self.tables_dir, scene_id)
        if not table.is_file():
            raise PoseNotFoundError(
                f"scene {scene_id!r}: wanted its visibility table {table}, found none; make it "
                "with 'posealign recover'"
            )
        trajectory = self.dataset.trajectory(scene_id)
        return _Scan(scene, trajectory, load_table(table, trajectory))

    def __getstate__(self) -> dict[str, Any]:
        """All but the host and the kept scans, which the other process makes for itself."""
        return {**self.__dict__, "host": None, "_scans": _Scans(self._scans.size_mib)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state over and build a host."""
        self.__dict__.update(state)
        self.host = self.host_factory()


def count_poses(poses: Iterable[EgoPose | None]) -> dict[str, int]:
    """How many poses came about in which way, by the name of the source; `"none"` without pose."""
    names = ("none" if pose is None else pose.source.value for pose in poses)
    return dict(sorted(Counter(names).items()))


def count_fallbacks(poses: Iterable[EgoPose | None]) -> dict[str, int]:
    """How often a pose had to be replaced, by reason; the numbers in a reason become `#`."""
    reasons = (pose.fallback_reason for pose in poses if pose is not None)
    return dict(sorted(Counter(re.sub(r"\d+", "#", r) for r in reasons if r).items()))
