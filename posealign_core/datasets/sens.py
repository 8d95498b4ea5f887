"""ScanNet's `.sens` RGB-D streams: poses without touching the images, images on demand.

A frame is 96 bytes of pose, times and sizes, then its images. Poses come by reading those 96 bytes
and seeking past the images: a scan of gigabytes costs one short read per frame.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.datasets.pose_files import Recording
from posealign_core.datasets.sens_format import FRAME_HEAD, SensHeader
from posealign_core.datasets.sens_images import (
    decode_color,
    decode_depth,
    encode_color,
    encode_depth,
)
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["SensStream", "write_sens"]

_IMAGE_SIZES = struct.Struct("<QQ")
"""The last fields of a frame's head, unpacked alone: numpy would cost ten times the read."""


class SensStream:
    """An open stream; use it in a `with` block.

    Args:
        path: The `.sens` file.

    Attributes:
        header: What the stream says before its frames.

    Raises:
        DataError: The file is missing, is no `.sens` file of version 4, or ends early.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise DataError(f"{path}: cannot be opened ({error}); check the path") from error
        self._size = os.fstat(self._file.fileno()).st_size
        self._index: tuple[NDArray[Any], NDArray[np.int64]] | None = None
        try:
            self.header = SensHeader.read(self._file, str(path))
            self._first_frame = self._file.tell()
        except DataError:
            self._file.close()
            raise

    def __enter__(self) -> SensStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def recording(self) -> Recording:
        """The poses of all frames and the colour camera, without reading an image.

        Frames are named `"0"`, `"1"`, ...; a frame whose tracking failed keeps its -Inf.

        Raises:
            DataError: The stream ends before its last frame does.
        """
        heads, _ = self._frames()
        return Recording(
            frame_ids=tuple(str(i) for i in range(len(heads))),
            world_from_camera=heads["world_from_camera"].astype(np.float64),
            intrinsics=self.header.color,
        )

    def color(self, frame: int) -> NDArray[np.uint8]:
        """Decode a colour image: (H, W, 3) uint8 red, green, blue.

        Raises:
            DataError: There is no such frame, or its image is damaged or of unknown compression.
        """
        return decode_color(self._image(frame, depth=False), self.header, self._where(frame))

    def depth(self, frame: int) -> NDArray[np.float32]:
        """Decode a depth image: (H, W) float32 metres along the camera's z axis, 0 = missing.

        Raises:
            DataError: There is no such frame, or its image is damaged or of unknown compression.
        """
        return decode_depth(self._image(frame, depth=True), self.header, self._where(frame))

    def _where(self, frame: int) -> str:
        return f"{self.path}, frame {frame} of {self.header.n_frames}"

    def _image(self, frame: int, *, depth: bool) -> bytes:
        heads, offsets = self._frames()
        if not 0 <= frame < len(heads):
            raise DataError(f"{self._where(frame)}: wanted a frame from 0 to {len(heads) - 1}")
        color_size, depth_size = (int(heads[f"{part}_size"][frame]) for part in ("color", "depth"))
        start = int(offsets[frame]) + (color_size if depth else 0)
        return os.pread(self._file.fileno(), depth_size if depth else color_size, start)

    def _frames(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The heads of all frames, and where the images of each start."""
        if self._index is None:
            self._index = self._read_heads()
        return self._index

    def _read_heads(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        n, size, handle = self.header.n_frames, FRAME_HEAD.itemsize, self._file.fileno()
        position, heads, offsets = self._first_frame, [], []
        for i in range(n):
            head = os.pread(handle, size, position)
            offsets.append(position + size)
            if len(head) == size:
                position += size + sum(_IMAGE_SIZES.unpack_from(head, size - _IMAGE_SIZES.size))
            if len(head) != size or position > self._size:
                raise DataError(
                    f"{self._where(i)}: the stream ends early, after {self._size} bytes; fetch it "
                    "again"
                )
            heads.append(head)
        return np.frombuffer(b"".join(heads), FRAME_HEAD), np.array(offsets, np.int64)


def write_sens(
    path: Path,
    header: SensHeader,
    frames: Iterable[tuple[NDArray[np.float64], NDArray[np.uint8], NDArray[np.float32]]],
) -> None:
    """Write a stream.

    Args:
        path: The file to write.
        header: What it says first; `n_frames` must be the number of frames given.
        frames: Camera-to-world matrix (4, 4), colour image (H, W, 3) uint8 and depth image (H', W')
            in metres of each frame.
    """
    with path.open("wb") as stream:
        stream.write(header.to_bytes())
        for pose, color, depth in frames:
            images = encode_color(color, header), encode_depth(depth, header)
            head = np.zeros((), FRAME_HEAD)
            head["world_from_camera"] = pose
            head["color_size"], head["depth_size"] = map(len, images)
            stream.write(head.tobytes() + images[0] + images[1])
