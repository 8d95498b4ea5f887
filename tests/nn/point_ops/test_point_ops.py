from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import second_writing
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from posealign_core.errors import ConfigError, ShapeError
from posealign_core.nn.point_ops import (
    ball_query,
    choose_engine,
    furthest_point_sampling,
    gather_points,
    group_points,
    tie_order,
)
from posealign_core.nn.point_ops.engine import load_engine

ENGINES = ["numba", *(["triton"] if torch.cuda.is_available() else [])]


def cloud(seed: int, n_points: int, kind: str) -> torch.Tensor:
    """(2, N, 3): `"lattice"` has ties and duplicates, `"origin"` points around 3 cm from it."""
    generator = torch.Generator().manual_seed(seed)
    shape = (2, n_points, 3)
    if kind == "lattice":
        return torch.randint(-3, 4, shape, generator=generator) / 8
    if kind == "origin":
        return torch.randn(shape, generator=generator) * 0.03
    return torch.randn(shape, generator=generator) * torch.tensor([3.0, 2.0, 1.0])


clouds = st.builds(
    cloud,
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 3, 7, 64, 65, 100, 513, 700, 1100]),
    st.sampled_from(["lattice", "origin", "room"]),
)


@pytest.mark.parametrize("engine", ENGINES)
@given(clouds, st.integers(1, 24), st.booleans())
@settings(max_examples=60, deadline=None)
def test_furthest_samples_are_those_of_the_cuda_threads(engine, xyz, n_samples, skip_origin):
    device = "cuda" if engine == "triton" else "cpu"
    rows = furthest_point_sampling(
        xyz.to(device), n_samples, skip_origin=skip_origin, engine=engine
    )
    for points, own in zip(xyz.numpy(), rows.cpu().numpy(), strict=True):
        expected = second_writing.furthest(points, n_samples, skip_origin=skip_origin)
        np.testing.assert_array_equal(own, expected)


@pytest.mark.parametrize("engine", ENGINES)
@given(clouds, st.integers(0, 10**6), st.sampled_from([0.01, 0.25, 0.5, 0.9]), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_balls_hold_the_first_points_within(engine, xyz, seed, radius, n_samples):
    device = "cuda" if engine == "triton" else "cpu"
    centers = cloud(seed, 6, "lattice")
    rows = ball_query(centers.to(device), xyz.to(device), radius, n_samples, engine=engine)
    for item in range(2):
        for center, own in zip(centers[item].numpy(), rows[item].cpu().numpy(), strict=True):
            expected = second_writing.ball(center, xyz[item].numpy(), radius, n_samples)
            np.testing.assert_array_equal(own, expected)


def test_a_corner_to_corner_walk_by_hand():
    xyz = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [3, 3, 0]]])
    assert furthest_point_sampling(xyz, 4, skip_origin=False).tolist() == [[0, 3, 2, 1]]


def test_ties_go_by_reversed_thread_bits():
    # Eight threads: 0 4 2 6 1 5 3 7; thread 0 reads rows 0 and 8.
    assert tie_order(9).tolist() == [0, 8, 4, 2, 6, 1, 5, 3, 7]
    corners = torch.tensor([[[0.0, 0, 0], *[[0.5, 0.5, 0.5]] * 7]])
    assert furthest_point_sampling(corners, 2, skip_origin=False).tolist() == [[0, 4]]


def test_points_near_the_origin_are_skipped_but_the_first():
    near, far = [0.03, 0.0, 0.0], [0.04, 0.0, 0.0]
    xyz = torch.tensor([[near, near, far, [0.0, 0.0, -0.0316]]])
    assert furthest_point_sampling(xyz, 3, skip_origin=True).tolist() == [[0, 2, 2]]
    assert furthest_point_sampling(xyz, 3, skip_origin=False).tolist() == [[0, 3, 2]]


def test_nothing_but_points_near_the_origin_gives_the_first():
    xyz = torch.full((1, 5, 3), 0.01)
    assert furthest_point_sampling(xyz, 3, skip_origin=True).tolist() == [[0, 0, 0]]


def test_more_samples_than_points_repeat():
    xyz = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 3, 0]]])
    assert furthest_point_sampling(xyz, 6, skip_origin=False).tolist() == [[0, 2, 1, 0, 0, 0]]


def test_a_point_on_the_border_is_no_hit():
    xyz = torch.tensor([[[0.5, 0, 0], [0.25, 0, 0], [-0.25, 0, 0]]])
    center = torch.zeros(1, 1, 3)
    assert ball_query(center, xyz, 0.5, 4).tolist() == [[[1, 2, 1, 1]]]


def test_an_empty_ball_holds_point_0_and_a_full_one_the_first():
    xyz = torch.tensor([[[9.0, 0, 0], [0, 0, 0.1], [0, 0, 0.0], [0, 0, 0.2]]])
    centers = torch.tensor([[[-9.0, 0, 0], [0, 0, 0]]])
    assert ball_query(centers, xyz, 0.5, 2).tolist() == [[[0, 0], [1, 2]]]


def test_a_centre_may_lie_anywhere():
    xyz = torch.rand(1, 500, 3)
    centers = torch.tensor([[[1e20, 0, 0], [-1e20, 1e9, 0], [0.5, 0.5, 1.05]]])
    rows = ball_query(centers, xyz, 0.1, 3)
    assert rows[0, :2].eq(0).all()
    expected = second_writing.ball(centers[0, 2].numpy(), xyz[0].numpy(), 0.1, 3)
    assert rows[0, 2].tolist() == expected.tolist()


def test_large_coordinates_do_not_lose_neighbours():
    # At 10 km float32 has steps of 1 mm, so that the rounding of a difference moves cells.
    xyz = torch.rand(1, 800, 3) + 1e4
    centers = xyz[:, :20]
    rows = ball_query(centers, xyz, 0.05, 5)
    for center, own in zip(centers[0].numpy(), rows[0].numpy(), strict=True):
        assert own.tolist() == second_writing.ball(center, xyz[0].numpy(), 0.05, 5).tolist()


def test_one_cloud_does_not_depend_on_its_neighbours():
    xyz = torch.randn(3, 400, 3)
    together = furthest_point_sampling(xyz, 20, skip_origin=True)
    centers = gather_points(xyz.mT, together).mT
    balls = ball_query(centers, xyz, 0.8, 8)
    for item in range(3):
        one = xyz[item : item + 1]
        assert (
            together[item].tolist()
            == furthest_point_sampling(one, 20, skip_origin=True)[0].tolist()
        )
        assert torch.equal(balls[item], ball_query(centers[item : item + 1], one, 0.8, 8)[0])


def test_groups_and_their_gradients_by_hand():
    features = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]], requires_grad=True)
    indices = torch.tensor([[[2, 2], [0, 2]]])
    out = group_points(features, indices)
    assert out.tolist() == [[[[3, 3], [1, 3]], [[6, 6], [4, 6]]]]
    out.backward(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 5.0]]]]))
    assert features.grad.tolist() == [[[3, 0, 7], [0, 0, 5]]]


def test_group_gradients_are_those_of_differences():
    features = torch.randn(2, 3, 5, dtype=torch.float64, requires_grad=True)
    indices = torch.randint(0, 5, (2, 4, 3))
    assert torch.autograd.gradcheck(lambda f: group_points(f, indices).sin(), (features,))


def test_gathered_points_are_rows():
    features = torch.randn(2, 3, 7)
    rows = torch.randint(0, 7, (2, 4))
    out = gather_points(features, rows)
    for item in range(2):
        assert torch.equal(out[item], features[item][:, rows[item]])


def test_what_is_no_cloud_is_refused():
    with pytest.raises(ShapeError, match=r"wanted points \(B, N, 3\) .* found \(2, 0, 3\)"):
        furthest_point_sampling(torch.zeros(2, 0, 3), 1, skip_origin=False)
    with pytest.raises(ShapeError, match=r"found \(4, 3\)"):
        ball_query(torch.zeros(1, 2, 3), torch.zeros(4, 3), 1.0, 1)
    with pytest.raises(ShapeError, match="found 1 and 2"):
        ball_query(torch.zeros(1, 2, 3), torch.zeros(2, 4, 3), 1.0, 1)


def test_engines_are_chosen_by_device():
    assert choose_engine(torch.device("cpu")) == "numba"
    assert choose_engine(torch.device("cuda")) == "triton"
    with pytest.raises(ConfigError, match="numba, triton, found 'abacus'"):
        load_engine("abacus")


def test_triton_interpreter_agrees(tmp_path: Path) -> None:
    """The CUDA kernels in a process of their own; on a lattice fused and plain sums are equal."""
    pytest.importorskip("triton")
    script = tmp_path / "compare.py"
    script.write_text(
        "import sys, torch\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from test_point_ops import cloud, ball_query, furthest_point_sampling\n"
        "for n, m, skip in ((1, 3, True), (5, 7, False), (50, 20, True), (700, 12, True)):\n"
        "    xyz, centers = cloud(n, n, 'lattice'), cloud(n + 1, 5, 'lattice')\n"
        "    a, b = (furthest_point_sampling(xyz, m, skip_origin=skip, engine=e)\n"
        "            for e in ('numba', 'triton'))\n"
        "    assert torch.equal(a, b), (n, a, b)\n"
        "    for radius in (0.01, 0.25, 1.0):\n"
        "        a, b = (ball_query(centers, xyz, radius, 5, engine=e)\n"
        "                for e in ('numba', 'triton'))\n"
        "        assert torch.equal(a, b), (n, radius, a, b)\n"
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
