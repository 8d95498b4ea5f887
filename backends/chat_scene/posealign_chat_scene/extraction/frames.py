"""Colour and depth images with their cameras, at the size that features are made at."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from posealign_core.datasets.files import locate
from posealign_core.datasets.pose_files import read_pose_folder
from posealign_core.datasets.scannet import ScanNet
from posealign_core.datasets.sens import SensStream
from posealign_core.errors import DataError
from posealign_core.geometry import Intrinsics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from posealign_core.datasets.base import Dataset

__all__ = [
    "HEIGHT",
    "WIDTH",
    "CameraChoice",
    "FrameFolders",
    "FrameSource",
    "RgbdFrame",
    "SensFrames",
    "frame_source",
    "resized_camera",
]

WIDTH, HEIGHT = 640, 480
"""Size of the images that areas and borders are stated for (spec 2.4), pixels."""

_PUBLISHED = Intrinsics(577.870605, 577.870605, 319.5, 239.5, WIDTH, HEIGHT)
_RELEASED = Intrinsics(577.870605 / 2, 577.870605 / 2, 159.5, 119.5, WIDTH, HEIGHT)


class CameraChoice(str, Enum):
    """Which intrinsics project a scan's points."""

    SCAN = "scan"
    """The scan's own."""
    CONSTANT = "constant"
    """The one camera that was meant for all scans of ScanNet."""
    RELEASED = "released"
    """That of images of half the size, which the released commands write (spec Q13)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class RgbdFrame:
    """One frame at 640x480.

    Attributes:
        frame_id: Its name in the recording.
        color: (480, 640, 3) uint8.
        depth: (480, 640) float32 metres along the optical axis, 0 where nothing was measured; None
            where the frame has no depth image.
        world_from_camera: (4, 4) camera axes RDF; not rigid where tracking was lost.
        camera: The camera at this size.
    """

    frame_id: str
    color: NDArray[np.uint8]
    depth: NDArray[np.float32] | None
    world_from_camera: NDArray[np.float64]
    camera: Intrinsics


class FrameSource(abc.ABC):
    """Reads the frames of a scan, also those whose tracking was lost.

    Args:
        dataset: The scans, for poses and cameras.
        camera: Which intrinsics the frames get.
    """

    def __init__(self, dataset: Dataset, camera: CameraChoice) -> None:
        self.dataset = dataset
        self.camera_choice = camera

    @abc.abstractmethod
    def read(self, scene_id: str) -> Iterator[RgbdFrame]:
        """The frames, in the order of their numbers.

        Raises:
            DataError: There are none, or an image is damaged.
        """

    def frame(
        self,
        frame_id: str,
        color: NDArray[np.uint8],
        depth: NDArray[np.float32] | None,
        world_from_camera: NDArray[np.float64],
        camera: Intrinsics,
    ) -> RgbdFrame:
        """Bring images of any size to 640x480, the camera with them."""
        chosen = {
            CameraChoice.SCAN: resized_camera(camera, WIDTH, HEIGHT),
            CameraChoice.CONSTANT: _PUBLISHED,
            CameraChoice.RELEASED: _RELEASED,
        }[self.camera_choice]
        return RgbdFrame(
            frame_id=frame_id,
            color=np.asarray(_resized(Image.fromarray(color), Image.Resampling.BILINEAR)),
            depth=None
            if depth is None
            else np.asarray(_resized(Image.fromarray(depth), Image.Resampling.NEAREST)),
            world_from_camera=world_from_camera,
            camera=chosen,
        )


def resized_camera(camera: Intrinsics, width: int, height: int) -> Intrinsics:
    """The same camera with its image stretched to another size."""
    x, y = width / camera.width, height / camera.height
    return Intrinsics(camera.fx * x, camera.fy * y, camera.cx * x, camera.cy * y, width, height)


def _resized(image: Image.Image, how: Image.Resampling) -> Image.Image:
    return image if image.size == (WIDTH, HEIGHT) else image.resize((WIDTH, HEIGHT), how)


class FrameFolders(FrameSource):
    """Exported frames: `<root>/<scan>/{color,depth}/<frame>.{png,jpg}`, depth in millimetres.

    Poses are those in `<root>/<scan>/pose/`, else the data set's. Every exported frame is used:
    exports keep one of twenty.
    """

    def __init__(self, dataset: Dataset, camera: CameraChoice, root: Path) -> None:
        super().__init__(dataset, camera)
        self.root = root

    def read(self, scene_id: str) -> Iterator[RgbdFrame]:
        """The exported frames."""
        folder = self.root / scene_id
        paths = {
            path.stem: path
            for path in (folder / "color").glob("*")
            if path.suffix in {".png", ".jpg"} and path.stem.isdecimal()
        }
        if not paths:
            raise DataError(f"{folder / 'color'}: wanted <frame number>.png or .jpg, found none")
        cameras = self._cameras(scene_id)
        for name in sorted(paths, key=int):
            if name not in cameras:
                raise DataError(f"{paths[name]}: wanted a pose of frame {name}, found none")
            world_from_camera, camera = cameras[name]
            depth = locate(folder / "depth", [f"{name}.png"])
            yield self.frame(
                name,
                _read_image(paths[name]),
                None if depth is None else _read_depth(depth),
                world_from_camera,
                camera,
            )

    def _cameras(self, scene_id: str) -> dict[str, tuple[NDArray[np.float64], Intrinsics]]:
        """Pose and camera by frame."""
        trajectory = self.dataset.trajectory(scene_id)
        folder = self.root / scene_id / "pose"
        if folder.is_dir():
            trajectory = read_pose_folder(folder).trajectory(scene_id, trajectory.intrinsics[0])
        rows = zip(trajectory.world_from_camera, trajectory.intrinsics, strict=True)
        return dict(zip(trajectory.frame_ids, rows, strict=True))


class SensFrames(FrameSource):
    """One of so many frames of ScanNet's `.sens` streams."""

    def __init__(self, dataset: ScanNet, camera: CameraChoice, every: int = 20) -> None:
        super().__init__(dataset, camera)
        self.scannet = dataset
        self.every = every

    def read(self, scene_id: str) -> Iterator[RgbdFrame]:
        """Every so many-th frame."""
        with SensStream(self.scannet.files(scene_id).need("sens")) as stream:
            poses = stream.recording().world_from_camera
            for i in range(0, len(poses), self.every):
                color, depth = stream.color(i), stream.depth(i)
                yield self.frame(str(i), color, depth, poses[i], stream.header.color)


def frame_source(
    dataset: Dataset, camera: CameraChoice, images: Path | None, every: int
) -> FrameSource:
    """Exported frames where a folder is given, else the streams of ScanNet.

    Raises:
        DataError: Neither is there.
    """
    if images is not None:
        return FrameFolders(dataset, camera, images)
    if isinstance(dataset, ScanNet):
        return SensFrames(dataset, camera, every)
    raise DataError(
        "wanted exported frames, for this data set has no .sens streams; give their folder with "
        "--images"
    )


def _read_image(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=["PNG", "JPEG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: damaged image ({error}); fetch or make it again") from error


def _read_depth(path: Path) -> NDArray[np.float32]:
    try:
        with Image.open(path, formats=["PNG"]) as image:
            millimetres = np.asarray(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: damaged depth image ({error}); make it again") from error
    if millimetres.ndim != 2 or millimetres.dtype.kind not in "iu":
        raise DataError(
            f"{path}: wanted one channel of whole millimetres, found {millimetres.dtype} of shape "
            f"{millimetres.shape}"
        )
    return (millimetres / 1000.0).astype(np.float32)
