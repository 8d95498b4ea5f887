"""The `.sens` reader against bytes that are put together here by hand."""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pytest
from data_files import CAMERA, DEPTH_CAMERA, look_poses, sens_header, sens_images, write_stream
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from posealign_core.datasets.sens import SensStream, write_sens
from posealign_core.datasets.sens_format import ColorCompression, DepthCompression
from posealign_core.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def _by_hand(poses: NDArray[np.float64]) -> bytes:
    """A second writing of the format, field after field."""
    out = io.BytesIO()
    out.write(struct.pack("<I", 4))
    out.write(struct.pack("<Q", 4) + b"hand")
    for camera in (CAMERA, None, DEPTH_CAMERA, None):
        matrix = np.eye(4)
        if camera is not None:
            matrix[0, 0], matrix[1, 1] = camera.fx, camera.fy
            matrix[0, 2], matrix[1, 2] = camera.cx, camera.cy
        out.write(struct.pack("<16f", *matrix.ravel()))
    out.write(struct.pack("<i", 1) + struct.pack("<i", 1))
    out.write(struct.pack("<4I", 16, 12, 8, 6) + struct.pack("<f", 1000.0))
    out.write(struct.pack("<Q", len(poses)))
    for i, pose in enumerate(poses):
        color, depth = sens_images(i)
        png = io.BytesIO()
        Image.fromarray(color).save(png, format="PNG")
        packed = zlib.compress(np.rint(depth * 1000).astype("<u2").tobytes())
        out.write(struct.pack("<16f", *pose.ravel()))
        out.write(struct.pack("<4Q", 1000 + i, 2000 + i, len(png.getvalue()), len(packed)))
        out.write(png.getvalue() + packed)
    out.write(struct.pack("<Q", 0))
    return out.getvalue()


@pytest.fixture
def stream_path(tmp_path: Path) -> Path:
    path = tmp_path / "scene0000_00.sens"
    path.write_bytes(_by_hand(look_poses(5)))
    return path


def test_header_says_what_the_bytes_say(stream_path: Path) -> None:
    with SensStream(stream_path) as stream:
        header = stream.header
    assert header.sensor == "hand"
    assert header.color == CAMERA
    assert header.depth == DEPTH_CAMERA
    assert header.color_compression is ColorCompression.PNG
    assert header.depth_compression is DepthCompression.ZLIB
    assert (header.depth_shift, header.n_frames) == (1000.0, 5)


def test_poses_come_without_reading_an_image(
    stream_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n_bytes = []
    read = os.pread

    def counted(handle: int, size: int, offset: int) -> bytes:
        n_bytes.append(size)
        return read(handle, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    with SensStream(stream_path) as stream:
        recording = stream.recording()
    assert n_bytes == [96] * 5
    assert recording.frame_ids == ("0", "1", "2", "3", "4")
    assert recording.intrinsics == CAMERA
    np.testing.assert_array_equal(
        recording.world_from_camera, look_poses(5).astype(np.float32).astype(np.float64)
    )


def test_images_are_those_that_were_stored(stream_path: Path) -> None:
    with SensStream(stream_path) as stream:
        for frame in (4, 0, 2):
            color, depth = sens_images(frame)
            np.testing.assert_array_equal(stream.color(frame), color)
            np.testing.assert_array_equal(stream.depth(frame), depth)
            assert stream.depth(frame).dtype == np.float32


@pytest.mark.parametrize("depth", [DepthCompression.RAW, DepthCompression.ZLIB])
@pytest.mark.parametrize("color", [ColorCompression.RAW, ColorCompression.PNG])
def test_every_lossless_form_round_trips(
    tmp_path: Path, color: ColorCompression, depth: DepthCompression
) -> None:
    path = tmp_path / "s.sens"
    write_stream(path, look_poses(2), sens_header(2, color, depth))
    with SensStream(path) as stream:
        np.testing.assert_array_equal(stream.color(1), sens_images(1)[0])
        np.testing.assert_array_equal(stream.depth(1), sens_images(1)[1])


def test_jpeg_colours_are_close(tmp_path: Path) -> None:
    path = tmp_path / "s.sens"
    gray = np.full((CAMERA.height, CAMERA.width, 3), 77, np.uint8)
    frames = [(np.eye(4), gray, sens_images(0)[1])]
    write_sens(path, sens_header(1, ColorCompression.JPEG), frames)
    with SensStream(path) as stream:
        assert np.abs(stream.color(0).astype(int) - 77).max() <= 2


@settings(max_examples=25, deadline=None)
@given(
    poses=hnp.arrays(
        np.float32,
        st.tuples(st.integers(0, 4), st.just(4), st.just(4)),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    ),
    sensor=st.text(max_size=20),
)
def test_any_poses_and_name_round_trip(
    tmp_path_factory: pytest.TempPathFactory, poses: NDArray[np.float32], sensor: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.sens"
    header = sens_header(len(poses), ColorCompression.RAW, DepthCompression.RAW)
    header = type(header)(**{**vars(header), "sensor": sensor})
    write_sens(path, header, ((pose, *sens_images(i)) for i, pose in enumerate(poses)))
    with SensStream(path) as stream:
        assert stream.header == header
        np.testing.assert_array_equal(stream.recording().world_from_camera, poses)


def test_lost_frames_are_kept_and_counted(tmp_path: Path) -> None:
    poses = look_poses(4)
    poses[1], poses[3, 0, 0] = -np.inf, np.nan
    write_stream(tmp_path / "s.sens", poses)
    with SensStream(tmp_path / "s.sens") as stream:
        recording = stream.recording()
    assert len(recording.frame_ids) == 4
    assert recording.n_invalid == 2
    assert np.isneginf(recording.world_from_camera[1]).all()


def test_a_stream_cut_anywhere_is_a_data_error(stream_path: Path) -> None:
    whole = stream_path.read_bytes()[:-8]
    for size in range(0, len(whole), 97):
        stream_path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"scene0000_00\.sens"), SensStream(stream_path) as s:
            s.recording()


def test_other_versions_are_refused(stream_path: Path) -> None:
    stream_path.write_bytes(struct.pack("<I", 3) + stream_path.read_bytes()[4:])
    with pytest.raises(DataError, match="version 4, found 3"):
        SensStream(stream_path)


def test_a_frame_that_is_not_there_is_named(stream_path: Path) -> None:
    with SensStream(stream_path) as stream, pytest.raises(DataError, match="from 0 to 4"):
        stream.color(5)


def test_occi_depth_and_unknown_colour_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sens"
    header = sens_header(1, ColorCompression.PNG, DepthCompression.OCCI)
    write_stream(path, look_poses(1), header)
    with SensStream(path) as stream, pytest.raises(DataError, match="found occi"):
        stream.depth(0)


def test_damaged_images_are_named(stream_path: Path) -> None:
    data = bytearray(stream_path.read_bytes())
    with SensStream(stream_path) as stream:
        start = stream._frames()[1][0]
        n_color = int(stream._frames()[0]["color_size"][0])
    data[start : start + 40] = bytes(40)
    data[start + n_color : start + n_color + 10] = bytes(10)
    stream_path.write_bytes(data)
    with SensStream(stream_path) as stream:
        with pytest.raises(DataError, match="frame 0 of 5: damaged colour image"):
            stream.color(0)
        with pytest.raises(DataError, match="frame 0 of 5: damaged depth image"):
            stream.depth(0)


def test_a_depth_image_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.sens"
    bomb = np.zeros((2000, 2000), np.float32)
    write_sens(path, sens_header(1), [(np.eye(4), sens_images(0)[0], bomb)])
    with SensStream(path) as stream, pytest.raises(DataError, match="wanted an image of 96 bytes"):
        stream.depth(0)
