"""The layout of ScanNet's `.sens` RGB-D streams, version 4 (scannet_files spec, section 2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from posealign_core.errors import DataError
from posealign_core.geometry import Intrinsics

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["FRAME_HEAD", "ColorCompression", "DepthCompression", "SensHeader"]

FRAME_HEAD = np.dtype(
    [
        ("world_from_camera", "<f4", (4, 4)),
        ("color_time", "<u8"),
        ("depth_time", "<u8"),
        ("color_size", "<u8"),
        ("depth_size", "<u8"),
    ]
)
"""The 96 bytes before each frame's colour and depth images; sizes in bytes."""

_NAME_LENGTH = struct.Struct("<IQ")
_CAMERAS = struct.Struct("<64f")
_IMAGES = struct.Struct("<iiIIIIfQ")
_VERSION = 4
_LONGEST_NAME = 4096


class ColorCompression(IntEnum):
    """How colour images are stored."""

    UNKNOWN = -1
    RAW = 0
    PNG = 1
    JPEG = 2


class DepthCompression(IntEnum):
    """How depth images are stored: 16-bit units, plain or compressed."""

    UNKNOWN = -1
    RAW = 0
    ZLIB = 1
    OCCI = 2


@dataclass(frozen=True, kw_only=True)
class SensHeader:
    """What a stream says before its frames.

    Attributes:
        sensor: Name of the sensor.
        color: Colour camera, with the size of the colour images.
        depth: Depth camera, with the size of the depth images.
        color_compression: How colour images are stored.
        depth_compression: How depth images are stored.
        depth_shift: Depth units per metre: 1000 where depth is in millimetres.
        n_frames: Number of frames.
    """

    sensor: str
    color: Intrinsics
    depth: Intrinsics
    color_compression: ColorCompression
    depth_compression: DepthCompression
    depth_shift: float
    n_frames: int

    @classmethod
    def read(cls, stream: BinaryIO, where: str) -> SensHeader:
        """Read the header and leave the stream at the first frame.

        Args:
            stream: The opened file.
            where: Its name, for messages.

        Raises:
            DataError: The stream is no `.sens` file of version 4, or ends early.
        """
        try:
            version, length = _NAME_LENGTH.unpack(stream.read(_NAME_LENGTH.size))
            if version != _VERSION or length > _LONGEST_NAME:
                raise DataError(f"{where}: wanted a .sens stream of version 4, found {version}")
            sensor = stream.read(length).decode("utf-8", errors="replace")
            cameras = np.reshape(_CAMERAS.unpack(stream.read(_CAMERAS.size)), (4, 4, 4))
            color, depth, *sides, shift, n_frames = _IMAGES.unpack(stream.read(_IMAGES.size))
            return cls(
                sensor=sensor,
                color=Intrinsics.from_matrix(cameras[0], sides[0], sides[1]),
                depth=Intrinsics.from_matrix(cameras[2], sides[2], sides[3]),
                color_compression=ColorCompression(color),
                depth_compression=DepthCompression(depth),
                depth_shift=shift,
                n_frames=n_frames,
            )
        except (struct.error, ValueError) as error:
            raise DataError(f"{where}: damaged .sens header ({error}); fetch it again") from error

    def to_bytes(self) -> bytes:
        """The header as it stands in a file; both extrinsics are the identity."""
        cameras = np.tile(np.eye(4), (4, 1, 1))
        cameras[0, :3, :3], cameras[2, :3, :3] = self.color.matrix, self.depth.matrix
        sensor = self.sensor.encode("utf-8")
        images = _IMAGES.pack(
            self.color_compression,
            self.depth_compression,
            self.color.width,
            self.color.height,
            self.depth.width,
            self.depth.height,
            self.depth_shift,
            self.n_frames,
        )
        head = _NAME_LENGTH.pack(_VERSION, len(sensor)) + sensor
        return head + _CAMERAS.pack(*cameras.ravel()) + images
