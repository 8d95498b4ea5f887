"""Making pose files: from `.sens` streams, and packed ones from text trees. All of it resumes."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from posealign_core.datasets.intrinsics_files import write_intrinsics
from posealign_core.datasets.pose_files import (
    PoseTree,
    frame_names,
    read_packed,
    read_pose_folder,
    write_packed,
    write_pose_text,
)
from posealign_core.datasets.scannet import ScanNet
from posealign_core.datasets.sens import SensStream
from posealign_core.errors import DataError, PoseNotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from posealign_core.datasets.pose_files import Recording

__all__ = ["PoseForm", "PosesMade", "extract_poses", "pack_poses"]


class PoseForm(str, Enum):
    """How poses are written."""

    PACKED = "packed"
    """One `packed/<scan>.npz` per scan."""
    TEXT = "text"
    """`scans/<scan>/pose/<frame>.txt` and `scans/<scan>/intrinsics.json`, as others read them."""


@dataclass(frozen=True, kw_only=True)
class PosesMade:
    """What was done for one scan.

    Attributes:
        n_frames: Recorded frames.
        n_invalid: Frames whose pose is NaN, Inf or not rigid; they are kept as rows.
        kept: The files were there already.
    """

    n_frames: int
    n_invalid: int
    kept: bool


def extract_poses(scene_id: str, *, scannet: Path, out: Path, form: PoseForm) -> PosesMade:
    """Take the poses and the colour camera of a scan out of its `.sens` stream.

    Args:
        scene_id: The scan.
        scannet: Root of the raw tree.
        out: Root of the pose tree to make.
        form: How to write them. What is there already, of as many frames, is kept.

    Raises:
        DataError: The stream is missing or damaged, or a text folder of another number of frames
            is in the way.
    """
    files = ScanNet(scannet).files(scene_id)
    with SensStream(files.need("sens")) as stream:
        recording, camera = stream.recording(), stream.header.color
    if form is PoseForm.PACKED:
        kept = _pack(recording, PoseTree(out).packed_path(scene_id))
    else:
        test = files.folder.parent.name == "scans_test"
        folder = out / ("scans_test" if test else "scans") / scene_id
        write_intrinsics(folder / "intrinsics.json", camera)
        kept = _write_texts(recording, folder / "pose")
    return _made(recording, kept=kept)


def pack_poses(scene_id: str, *, poses: Path, scannet: Path | None) -> PosesMade:
    """Pack the pose texts of a scan into one file.

    Args:
        scene_id: The scan.
        poses: Root of the pose tree, which the packed file joins.
        scannet: Root of the raw tree, for the scan's camera; None leaves it out where no
            `intrinsics.json` lies beside the texts.

    Raises:
        DataError: A text or the scan's camera is missing or damaged.
    """
    tree = PoseTree(poses)
    folder, packed = tree.text_folder(scene_id), tree.packed_path(scene_id)
    if folder is None:
        raise PoseNotFoundError(f"{poses}: wanted scans/{scene_id}/pose/*.txt, found none")
    there = _packed(packed)
    complete = there is not None and (there.intrinsics is not None or scannet is None)
    if there is not None and complete and there.frame_ids == frame_names(folder):
        return _made(there, kept=True)
    recording = read_pose_folder(folder)
    if recording.intrinsics is None and scannet is not None:
        recording = replace(recording, intrinsics=ScanNet(scannet).color_camera(scene_id))
    write_packed(packed, recording)
    return _made(recording, kept=False)


def _made(recording: Recording, *, kept: bool) -> PosesMade:
    return PosesMade(n_frames=len(recording.frame_ids), n_invalid=recording.n_invalid, kept=kept)


def _packed(path: Path) -> Recording | None:
    """The poses that are there already; None where there are none, or damaged ones to replace."""
    try:
        return read_packed(path)
    except DataError:
        return None


def _pack(recording: Recording, path: Path) -> bool:
    """Write a packed file, unless an equal one is there; say whether it was."""
    there = _packed(path)
    if there is not None and there.equals(recording):
        return True
    write_packed(path, recording)
    return False


def _write_texts(recording: Recording, folder: Path) -> bool:
    """Write a folder of pose texts, unless as many are there; say whether they were."""
    if folder.is_dir():
        n_found = len(frame_names(folder))
        if n_found == len(recording.frame_ids):
            return True
        raise DataError(
            f"{folder}: wanted {len(recording.frame_ids)} pose texts, found {n_found} of another "
            "run; move the folder away and run again"
        )
    unfinished = folder.with_name(".pose.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        for name, matrix in zip(recording.frame_ids, recording.world_from_camera, strict=True):
            write_pose_text(unfinished / f"{name}.txt", matrix)
        unfinished.rename(folder)
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error}); choose another folder") from error
    return False
