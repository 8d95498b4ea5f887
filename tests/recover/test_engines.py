"""All engines count what the published algorithm counts, and each other's."""

from __future__ import annotations

import importlib.util
import math
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recover_scans import CAMERA, clutter, ring

from posealign_core.errors import ConfigError, MissingDependencyError
from posealign_core.geometry import Intrinsics
from posealign_core.recover import visibility_scores
from posealign_core.recover.engines import load_engine
from posealign_core.recover.zbuffer import MAX_SPLAT_PX, ZBufferTask

ENGINES = ["numpy", "numba"]
AT_ORIGIN = np.eye(4)[None]


def task(seed: int, *, splat_m: float, truncate: bool, dtype: str = "float64") -> ZBufferTask:
    """A cluttered room, two different cameras, sides that are not whole."""
    points, ids = clutter(seed)
    poses = ring(6)
    cameras = np.array([[30.0, 31.0, 16.0, 12.0, 32.4, 24.7], [45.0, 45.0, 20.0, 20.0, 40.0, 40.0]])
    slack = np.array([[0.05, 0.03], [0.001, 0.0]])
    return ZBufferTask(
        points=points.astype(dtype),
        columns=ids.astype(np.int32),
        n_columns=5,
        camera_from_world=np.linalg.inv(poses)[:, :3].copy(),
        cameras=np.tile(cameras, (3, 1)),
        slack=np.tile(slack, (3, 1)),
        splat_m=splat_m,
        truncate=truncate,
    )


def plain_counts(t: ZBufferTask) -> np.ndarray:
    """A second writing, point by point and pixel by pixel, from the text of `ZBufferTask`."""
    counts = np.zeros((t.n_cameras, t.n_columns), dtype=int)
    for i, (fx, fy, cx, cy, width, height) in enumerate(t.cameras.tolist()):
        buffer: dict[tuple[int, int], float] = {}
        inside = []
        for point, column in zip(t.points.astype(float).tolist(), t.columns.tolist(), strict=True):
            x, y, z = (
                ((row[0] * point[0] + row[1] * point[1]) + row[2] * point[2]) + row[3]
                for row in t.camera_from_world[i].tolist()
            )
            if z <= 0:
                continue
            u, v = fx * x / z + cx, fy * y / z + cy
            if not (u > -1 and v > -1 if t.truncate else u >= 0 and v >= 0):
                continue
            if u >= width or v >= height:
                continue
            own = (int(u), int(v))
            inside.append((own, z, column))
            half = min(t.splat_m * fx / z, MAX_SPLAT_PX)
            for r in range(math.ceil(height)):
                for c in range(math.ceil(width)):
                    near = u - half <= c + 0.5 <= u + half and v - half <= r + 0.5 <= v + half
                    row_only = c == own[0] and v - half <= r + 0.5 <= v + half
                    column_only = r == own[1] and u - half <= c + 0.5 <= u + half
                    if (c, r) == own or near or row_only or column_only:
                        buffer[c, r] = min(z, buffer.get((c, r), math.inf))
        for own, z, column in inside:
            if column >= 0 and z <= buffer[own] + (t.slack[i, 0] + t.slack[i, 1] * z):
                counts[i, column] += 1
    return counts


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("splat_m", "truncate"), [(0.0, True), (0.0, False), (0.08, False)])
def test_counts_equal_a_plain_writing(engine: str, splat_m: float, truncate: bool) -> None:
    t = task(3, splat_m=splat_m, truncate=truncate)
    small = ZBufferTask(**{**t.__dict__, "points": t.points[:120], "columns": t.columns[:120]})
    expected = plain_counts(small)
    assert expected.sum() > 50
    counts = load_engine(engine)(small)
    np.testing.assert_array_equal(counts.visible, expected)
    columns = small.columns.tolist()
    assert counts.total.tolist() == [columns.count(column) for column in range(5)]


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    splat_m=st.sampled_from([0.0, 0.02, 0.3]),
    truncate=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_engines_agree(seed: int, splat_m: float, truncate: bool, dtype: str) -> None:
    t = task(seed, splat_m=splat_m, truncate=truncate, dtype=dtype)
    counts = [load_engine(engine)(t) for engine in ENGINES]
    np.testing.assert_array_equal(counts[0].visible, counts[1].visible)
    np.testing.assert_array_equal(counts[0].total, counts[1].total)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n_points", [0, 1, 511, 512, 513])
def test_sizes_around_a_block(engine: str, n_points: int) -> None:
    points = np.tile([0.0, 0.0, 2.0], (n_points, 1))
    scores, ids = visibility_scores(
        points, np.zeros(n_points, int), AT_ORIGIN, CAMERA, rule="released", engine=engine
    )
    assert scores.shape == (1, min(1, n_points))
    assert (scores == 1).all()
    assert ids.tolist() == [0] * min(1, n_points)


@pytest.mark.parametrize("engine", ENGINES)
def test_no_camera(engine: str) -> None:
    points, ids = clutter(0)
    scores, _ = visibility_scores(points, ids, np.zeros((0, 4, 4)), CAMERA, engine=engine)
    assert scores.shape == (0, 5)


@pytest.mark.parametrize("engine", ENGINES)
def test_released_rule_by_hand(engine: str) -> None:
    """Intrinsics x 0.1: fx = fy = 10, cx = 1, cy = 1, an image of 2 x 2 pixels."""
    camera = Intrinsics(fx=100.0, fy=100.0, cx=10.0, cy=10.0, width=29, height=29)
    points = np.array(
        [
            [0.0, 0.0, 1.0],  # pixel (1, 1), nearest there
            [0.0, 0.0, 1.001],  # same pixel, at most 1 mm behind: seen
            [0.0, 0.0, 1.00101],  # just more: hidden
            [-0.15, 0.0, 1.0],  # u = -0.5: truncated into column 0
            [-0.2, 0.0, 1.0],  # u = -1: outside
            [0.1, 0.0, 1.0],  # u = 2: beyond the truncated width
            [0.0, 0.0, -1.0],  # behind the camera
            [0.05, 0.05, 9.0],  # pixel (1, 1), far behind
        ]
    )
    ids = np.array([5, 5, 5, 5, -1, -1, 5, 9])
    scores, object_ids = visibility_scores(
        points, ids, AT_ORIGIN, camera, rule="released", engine=engine
    )
    assert object_ids.tolist() == [-1, 5, 9]
    np.testing.assert_array_equal(scores, np.float32([[0, 3 / 5, 0]]))


@pytest.mark.parametrize("engine", ENGINES)
def test_one_camera_per_pose(engine: str) -> None:
    wide = Intrinsics(fx=100.0, fy=100.0, cx=160.0, cy=120.0, width=320, height=240)
    points = np.array([[1.2, 0.0, 1.0]])  # u = 520 with CAMERA, 280 with the wide one
    poses = np.repeat(AT_ORIGIN, 2, axis=0)
    scores, _ = visibility_scores(points, np.zeros(1, int), poses, [CAMERA, wide], engine=engine)
    np.testing.assert_array_equal(scores, [[0], [1]])


def test_the_benchmark_compares_equals() -> None:
    """Its plain rendition of the published algorithm gives our scores."""
    script = Path(__file__).parents[2] / "benchmarks" / "visibility.py"
    spec = importlib.util.spec_from_file_location("visibility_benchmark", script)
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    points, ids = benchmark.make_room(6000, 5)
    poses = benchmark.make_cameras(4)
    plain = benchmark.plain_scores(points.astype(np.float64), ids, poses)
    assert plain.max() > 0
    for engine in ENGINES:
        np.testing.assert_array_equal(benchmark.score(points, ids, poses, engine), plain)


def test_triton_interpreter_agrees(tmp_path: Path) -> None:
    """The CUDA kernels, run by Triton's interpreter in a process of their own."""
    pytest.importorskip("triton")
    script = tmp_path / "compare.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_engines import task\n"
        "from posealign_core.recover.engines import load_engine\n"
        "for splat_m, truncate, dtype in ((0.0, True, 'float32'), (0.05, False, 'float64')):\n"
        "    t = task(1, splat_m=splat_m, truncate=truncate, dtype=dtype)\n"
        "    ours, reference = load_engine('triton')(t), load_engine('numpy')(t)\n"
        "    assert reference.visible.sum() > 100, reference\n"
        "    assert (ours.visible == reference.visible).all(), (ours, reference)\n"
        "    assert (ours.total == reference.total).all(), (ours, reference)\n"
        "print('equal')\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        env={**os.environ, "TRITON_INTERPRET": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout.strip() == "equal", done.stderr


@pytest.mark.parametrize("seed", range(4))
def test_triton_on_a_gpu_agrees(seed: int) -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    for splat_m, truncate, dtype in ((0.0, True, "float32"), (0.05, False, "float64")):
        t = task(seed, splat_m=splat_m, truncate=truncate, dtype=dtype)
        ours, reference = load_engine("triton")(t), load_engine("numpy")(t)
        np.testing.assert_array_equal(ours.visible, reference.visible)
        np.testing.assert_array_equal(ours.total, reference.total)


def test_memory_does_not_grow_with_cameras() -> None:
    points, ids = clutter(0, n_points=40_000)
    peaks = []
    for n_cameras in (4, 40):
        poses = ring(n_cameras)
        tracemalloc.start()
        visibility_scores(points, ids, poses, CAMERA, rule="released", engine="numpy")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


def test_a_point_at_the_lens_covers_a_bounded_square() -> None:
    points = np.array([[0.0, 0.0, 1e-9], [0.5, 0.0, 1.0], [0.0, 0.01, 1.0]])
    scores, _ = visibility_scores(
        points, np.arange(3), AT_ORIGIN, CAMERA, image_scale=1.0, depth_tolerance=0.01
    )
    assert scores.tolist() == [[1.0, 1.0, 0.0]]


def test_unknown_engine() -> None:
    with pytest.raises(ConfigError, match="wanted one of auto, numpy, numba, triton"):
        load_engine("cuda")


def test_triton_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "triton", None)
    monkeypatch.delitem(sys.modules, "posealign_core.recover.engine_triton", raising=False)
    with pytest.raises(MissingDependencyError, match="'triton', which is not installed"):
        load_engine("triton")


def test_triton_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("triton")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    with pytest.raises(MissingDependencyError, match="needs a CUDA device, found none"):
        load_engine("triton")(task(0, splat_m=0.0, truncate=True))
