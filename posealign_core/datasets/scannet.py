"""Raw ScanNet: meshes, over-segmentations, aggregations, poses."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.datasets.base import Dataset
from posealign_core.datasets.meshes import read_ply, vertex_normals
from posealign_core.datasets.objects import object_table, vertices_by_id
from posealign_core.datasets.pose_files import PoseTree
from posealign_core.datasets.scannet_files import (
    ScanFiles,
    alignment_of,
    color_camera_of,
    read_aggregation,
    read_scan_info,
    read_segments,
)
from posealign_core.datasets.sens import SensStream
from posealign_core.datasets.splits import read_split
from posealign_core.errors import DataError, PoseNotFoundError, SceneNotFoundError
from posealign_core.geometry import Frame
from posealign_core.structures import ObjectTable, Scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.datasets.pose_files import Recording
    from posealign_core.datasets.scannet_files import SegmentGroup
    from posealign_core.geometry import Intrinsics, RigidTransform
    from posealign_core.structures import CameraTrajectory

__all__ = ["ScanNet"]


class ScanNet(Dataset):
    """The raw ScanNet tree.

    Scans lie in `scans/<scan>/` and `scans_test/<scan>/`, or in `<scan>/` directly; split lists
    `scannetv2_<split>.txt` in the root, one folder down or beside it. Poses come from
    `poses/packed/<scan>.npz`, `poses/scans/<scan>/pose/`, the `pose/` folder of the scan, or its
    `.sens` stream, in this order.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.pose_trees = (PoseTree(root / "poses"), PoseTree(root))

    def scene_ids(self, split: str | None = None) -> list[str]:
        """Scans of a split list, or all scans in the tree."""
        if split is not None:
            return read_split(self.root, split)
        return sorted(folder.name for folder in self.scan_folders())

    def stream_ids(self) -> list[str]:
        """Scans in the tree that have a `.sens` stream, sorted."""
        folders = {path.parent for parent in self._parents() for path in parent.glob("*/*.sens")}
        return sorted(folder.name for folder in folders)

    def scan_folders(self) -> list[Path]:
        """The folders of all scans in the tree.

        Raises:
            DataError: A scan is there twice, in `scans/` and in `scans_test/`.
        """
        *below, root = self._parents()
        folders = [path for parent in below for path in parent.glob("*") if path.is_dir()]
        folders += [path for path in root.glob("*") if ScanFiles(path).find("mesh")]
        seen: dict[str, Path] = {}
        for path in folders:
            if path.name in seen:
                raise DataError(f"scan {path.name!r} is there twice: {seen[path.name]} and {path}")
            seen[path.name] = path
        return sorted(folders)

    def scene(self, scene_id: str) -> Scene:
        """Read mesh, segments and objects; test scans have no objects."""
        files = self.files(scene_id)
        mesh = read_ply(files.need("mesh"))
        info = read_scan_info(files.need("info"))
        aligned_from_world = alignment_of(info, str(files.find("info")))
        superpoints, instances, objects = _objects(files, mesh.points, aligned_from_world)
        return Scene(
            scene_id=scene_id,
            frame=Frame.WORLD,
            points=mesh.points,
            colors=mesh.colors,
            normals=vertex_normals(mesh.points, mesh.faces) if len(mesh.faces) else mesh.normals,
            instance_ids=instances,
            superpoint_ids=superpoints,
            objects=objects,
            aligned_from_world=aligned_from_world,
        )

    def trajectory(self, scene_id: str) -> CameraTrajectory:
        """Read the poses, packed ones before texts before the stream."""
        files = self.files(scene_id)
        recording = self._recording(files)
        intrinsics = recording.intrinsics or self.color_camera(scene_id)
        return recording.trajectory(scene_id, intrinsics)

    def color_camera(self, scene_id: str) -> Intrinsics:
        """The colour camera of a scan, from `<scan>.txt` or its `.sens` stream.

        Raises:
            SceneNotFoundError: The tree has no such scan.
            DataError: Neither file says.
        """
        files = self.files(scene_id)
        info, sens = files.find("info"), files.find("sens")
        camera = None if info is None else color_camera_of(read_scan_info(info), str(info))
        if camera is None and sens is not None:
            with SensStream(sens) as stream:
                camera = stream.header.color
        if camera is None:
            raise DataError(
                f"scan {scene_id!r}: wanted its colour camera in {files.folder} as fx_color ... "
                f"colorHeight in {scene_id}.txt, or in {scene_id}.sens, found it in neither"
            )
        return camera

    def file_checks(self, scene_id: str) -> Sequence[Callable[[], object]]:
        """Mesh and info of every scan; segments and aggregation of those outside `scans_test/`."""
        files = ScanFiles(self.root / "scans" / scene_id)
        with contextlib.suppress(SceneNotFoundError):
            files = self.files(scene_id)
        readers: dict[str, Callable[[Path], object]] = {"mesh": read_ply, "info": read_scan_info}
        if files.folder.parent.name != "scans_test":
            readers |= {"segments": read_segments, "aggregation": read_aggregation}
        return [partial(files.read, kind, reader) for kind, reader in readers.items()]

    def files(self, scene_id: str) -> ScanFiles:
        """The files of one scan.

        Raises:
            SceneNotFoundError: The tree has no such scan.
        """
        for parent in self._parents():
            if (parent / scene_id).is_dir():
                return ScanFiles(parent / scene_id)
        raise SceneNotFoundError(
            f"wanted scan {scene_id!r} as scans/{scene_id}/ under {self.root}, found none"
        )

    def _parents(self) -> tuple[Path, ...]:
        return self.root / "scans", self.root / "scans_test", self.root

    def _recording(self, files: ScanFiles) -> Recording:
        for tree in self.pose_trees:
            if tree.holds(files.scene_id):
                return tree.read(files.scene_id)
        sens = files.find("sens")
        if sens is None:
            raise PoseNotFoundError(
                f"scan {files.scene_id!r}: wanted poses in poses/packed/, "
                f"poses/scans/{files.scene_id}/pose/, {files.folder}/pose/ or a .sens stream "
                f"under {self.root}, found none; 'posealign data extract-poses' makes them"
            )
        with SensStream(sens) as stream:
            return stream.recording()


def _objects(
    files: ScanFiles, points: NDArray[np.float64], aligned_from_world: RigidTransform
) -> tuple[NDArray[np.int64] | None, NDArray[np.int64] | None, ObjectTable | None]:
    """Superpoints, instance ids and objects of a scan, as far as it is annotated."""
    segments_path = files.find("segments")
    if segments_path is None and files.find("aggregation") is None:
        return None, None, None
    segments = read_segments(files.need("segments"))
    if len(segments) != len(points):
        raise DataError(
            f"{segments_path}: wanted a segment for each of {len(points)} vertices of "
            f"{files.need('mesh').name}, found {len(segments)}; the two are of different meshes"
        )
    if files.find("aggregation") is None:
        return segments, None, None
    groups = read_aggregation(files.need("aggregation"))
    members = _members(groups, vertices_by_id(segments), str(files.find("aggregation")))
    instances = np.full(len(points), -1, np.int64)
    for object_id, vertices in members.items():
        instances[vertices] = object_id
    labels = {group.object_id: group.label for group in groups}
    return segments, instances, object_table(points, members, labels, aligned_from_world)


def _members(
    groups: list[SegmentGroup], by_segment: Mapping[int, NDArray[np.int64]], where: str
) -> dict[int, NDArray[np.int64]]:
    """Vertices of each object; a vertex that two objects claim is in both."""
    members = {}
    for group in groups:
        parts = [by_segment[segment] for segment in group.segments if segment in by_segment]
        if group.segments and not parts:
            raise DataError(
                f"{where}: no segment of object {group.object_id} ({group.label!r}) is in the "
                "segments file; the two are of different meshes"
            )
        members[group.object_id] = np.concatenate([np.zeros(0, np.int64), *parts])
    return members
