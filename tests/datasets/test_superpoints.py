from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.datasets.superpoints import superpoints_of_mesh, superpoints_of_points
from posealign_core.errors import ShapeError


def sheet(n: int, height: np.ndarray | float = 0.0, step: float = 0.02):
    """A grid of n x n vertices with their triangles, at given heights."""
    x, y = np.meshgrid(np.arange(n) * step, np.arange(n) * step, indexing="ij")
    vertices = np.stack([x, y, np.broadcast_to(height, x.shape)], axis=-1).reshape(-1, 3)
    i = np.arange(n * n).reshape(n, n)
    lower = np.stack([i[:-1, :-1], i[1:, :-1], i[:-1, 1:]], axis=-1).reshape(-1, 3)
    upper = np.stack([i[1:, :-1], i[1:, 1:], i[:-1, 1:]], axis=-1).reshape(-1, 3)
    return vertices, np.concatenate([lower, upper])


def folded(n: int, slope: float):
    """Two half planes that meet along x = const: a ridge for a negative slope, else a valley."""
    x = np.arange(n) * 0.02
    return sheet(n, (slope * np.abs(x - x[n // 2]))[:, None])


def spelled_out(vertices, faces, k: float, min_size: int) -> list[int]:
    """The algorithm of scannet_files section 3 in plain Python, sets instead of a forest.

    In float32 throughout: signs near zero and nearly equal weights decide.
    """
    points, one = np.asarray(vertices, dtype=np.float32), np.float32(1)
    normals, counts = np.zeros_like(points), [0] * len(points)
    for face in faces:
        normal = np.cross(points[face[1]] - points[face[0]], points[face[2]] - points[face[0]])
        normal = normal / np.sqrt((normal * normal).sum())
        for vertex in face:
            counts[vertex] += 1
            normals[vertex] += (normal - normals[vertex]) / np.float32(counts[vertex])
    edges = []
    for p, q, r in np.asarray(faces).tolist():
        for a, b in ((p, q), (p, r), (q, r)):
            along = points[b] - points[a]
            weight, towards = one, np.float32(0)
            for axis in range(3):
                weight = weight - normals[a][axis] * normals[b][axis]
                towards = towards + normals[b][axis] * along[axis]
            edges.append((weight * weight if towards > 0 else weight, a, b))
    edges.sort(key=lambda edge: edge[0])
    segment = {v: frozenset([v]) for v in range(len(points))}
    limit = {segment[v]: np.float32(k) for v in range(len(points))}

    def join(a: int, b: int, new_limit: float) -> None:
        both = segment[a] | segment[b]
        limit[both] = new_limit
        for v in both:
            segment[v] = both

    for weight, a, b in edges:
        first, other = segment[a], segment[b]
        if first != other and weight <= min(limit[first], limit[other]):
            join(a, b, weight + np.float32(k) / np.float32(len(first | other)))
    for _, a, b in edges:
        if segment[a] != segment[b] and min(len(segment[a]), len(segment[b])) < min_size:
            join(a, b, 0)
    order = {
        part: i for i, part in enumerate(dict.fromkeys(segment[v] for v in range(len(points))))
    }
    return [order[segment[v]] for v in range(len(points))]


def same_partition(a, b) -> bool:
    pairs = set(zip(np.asarray(a).tolist(), np.asarray(b).tolist(), strict=True))
    return len(pairs) == len(set(np.asarray(a).tolist())) == len(set(np.asarray(b).tolist()))


@given(seed=st.integers(0, 10_000), rough=st.floats(0.001, 0.01), min_size=st.integers(1, 12))
def test_meshes_against_a_second_writing(seed: int, rough: float, min_size: int):
    height = rough * np.random.default_rng(seed).standard_normal((8, 8))
    vertices, faces = sheet(8, height)
    found = superpoints_of_mesh(vertices, faces, threshold=0.05, min_size=min_size)
    assert same_partition(found, spelled_out(vertices, faces, 0.05, min_size))


def test_a_flat_sheet_is_one_superpoint():
    assert set(superpoints_of_mesh(*sheet(12)).tolist()) == {0}
    assert set(superpoints_of_points(sheet(12)[0]).tolist()) == {0}


def test_a_box_falls_apart_at_its_ridges_and_a_bend_inwards_holds_less():
    ridge = superpoints_of_mesh(*folded(21, -2.0))
    valley = superpoints_of_mesh(*folded(21, 2.0))
    columns = np.arange(21 * 21) // 21
    for parts in (ridge, valley):
        assert len(set(parts[columns < 8])) == 1
        assert parts[0] != parts[-1]
    gentle = 0.2
    assert len(set(superpoints_of_mesh(*folded(21, -gentle)))) <= len(
        set(superpoints_of_mesh(*folded(21, gentle)))
    )


def test_no_segment_is_small_where_it_has_a_neighbour():
    height = 0.02 * np.random.default_rng(1).standard_normal((20, 20))
    parts = superpoints_of_mesh(*sheet(20, height))
    assert np.bincount(parts).min() >= 20
    assert len(np.unique(parts)) == parts.max() + 1


def test_parts_without_a_common_edge_stay_apart():
    vertices, faces = sheet(3)
    both = np.concatenate([vertices, vertices + 5])
    parts = superpoints_of_mesh(both, np.concatenate([faces, faces + 9]))
    assert parts[:9].tolist() == [0] * 9
    assert parts[9:].tolist() == [1] * 9
    lone = superpoints_of_mesh(np.concatenate([vertices, [[9.0, 9, 9]]]), faces)
    assert lone[-1] == 1


def test_walls_and_floor_of_points_are_told_apart_and_turns_do_not_matter():
    rng = np.random.default_rng(0)
    u, v = rng.uniform(0, 1, (2, 3000))
    floor, wall = np.stack([u, v, 0 * u], 1), np.stack([u, 0 * u, v + 0.02], 1)
    cloud = np.concatenate([floor, wall])
    parts = superpoints_of_points(cloud)
    inner = (cloud > 0.15).sum(axis=1) == 2
    kinds = [set(parts[:3000][inner[:3000]]), set(parts[3000:][inner[3000:]])]
    assert not kinds[0] & kinds[1]
    c, s = np.cos(0.7), np.sin(0.7)
    turned = cloud @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T + [3, -2, 1]
    again = superpoints_of_points(turned)
    agreement = np.mean(
        [(parts == parts[i]) == (again == again[i]) for i in rng.integers(0, 6000, 50)]
    )
    assert agreement > 0.95


def test_given_normals_are_used():
    cloud = sheet(16)[0]
    normals = np.where(np.arange(256)[:, None] < 128, [0.0, 0, 1], [1.0, 0, 0])
    parts = superpoints_of_points(cloud, normals)
    assert same_partition(parts, np.arange(256) >= 128)


def test_few_points():
    assert superpoints_of_points(np.zeros((0, 3))).tolist() == []
    assert superpoints_of_points(np.zeros((1, 3))).tolist() == [0]
    assert superpoints_of_points(np.zeros((5, 3))).tolist() == [0] * 5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: superpoints_of_points(np.zeros((4, 2))), "finite points"),
        (lambda: superpoints_of_points(np.full((4, 3), np.nan)), "finite points"),
        (lambda: superpoints_of_points(np.zeros((4, 3)), np.zeros((3, 3))), "a normal for each"),
        (lambda: superpoints_of_mesh(np.zeros((4, 3)), [[0, 1, 4]]), "indices below 4"),
        (lambda: superpoints_of_mesh(np.zeros((4, 3)), [[0.0, 1, 2]]), r"faces \(F, 3\)"),
    ],
)
def test_bad_input(call, message: str):
    with pytest.raises(ShapeError, match=message):
        call()
