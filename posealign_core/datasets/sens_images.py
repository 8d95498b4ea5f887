"""Decoding and encoding the images of a `.sens` stream."""

from __future__ import annotations

import io
import math
import zlib
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from posealign_core.datasets.sens_format import ColorCompression, DepthCompression
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from posealign_core.datasets.sens_format import SensHeader

__all__ = ["decode_color", "decode_depth", "encode_color", "encode_depth"]


def decode_color(data: bytes, header: SensHeader, where: str) -> NDArray[np.uint8]:
    """Decode a colour image: (H, W, 3) uint8 red, green, blue.

    Raises:
        DataError: The image is damaged, or of unknown compression.
    """
    kind = header.color_compression
    if kind is ColorCompression.UNKNOWN:
        raise DataError(f"{where}: wanted raw, png or jpeg colour, found unknown compression")
    if kind is ColorCompression.RAW:
        shape = (header.color.height, header.color.width, 3)
        _check_size(data, math.prod(shape), where)
        return np.frombuffer(data, np.uint8).reshape(shape)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG"]) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: damaged colour image ({error})") from error


def decode_depth(data: bytes, header: SensHeader, where: str) -> NDArray[np.float32]:
    """Decode a depth image: (H, W) float32 metres along the camera's z axis, 0 = missing.

    Raises:
        DataError: The image is damaged, or of unknown compression.
    """
    shape = (header.depth.height, header.depth.width)
    size = 2 * math.prod(shape)
    kind = header.depth_compression
    if kind is DepthCompression.ZLIB:
        data = _inflate(data, size, where)
    elif kind is not DepthCompression.RAW:
        raise DataError(f"{where}: wanted raw or zlib depth, found {kind.name.lower()}")
    _check_size(data, size, where)
    units = np.frombuffer(data, "<u2").reshape(shape)
    return (units / header.depth_shift).astype(np.float32)


def encode_color(image: NDArray[np.uint8], header: SensHeader) -> bytes:
    """Encode a colour image (H, W, 3) as the header says."""
    if header.color_compression is ColorCompression.RAW:
        return image.tobytes()
    out = io.BytesIO()
    Image.fromarray(image).save(out, format=header.color_compression.name)
    return out.getvalue()


def encode_depth(depth: NDArray[np.float32], header: SensHeader) -> bytes:
    """Encode a depth image (H, W) in metres as the header says."""
    units = np.rint(depth * header.depth_shift).astype("<u2").tobytes()
    return units if header.depth_compression is DepthCompression.RAW else zlib.compress(units)


def _inflate(data: bytes, size: int, where: str) -> bytes:
    """Decompress at most a byte more than wanted, so that no crafted image can fill the memory."""
    try:
        return zlib.decompressobj().decompress(data, size + 1)
    except zlib.error as error:
        raise DataError(f"{where}: damaged depth image ({error})") from error


def _check_size(data: bytes, wanted: int, where: str) -> None:
    if len(data) != wanted:
        raise DataError(f"{where}: wanted an image of {wanted} bytes, found {len(data)} or more")
