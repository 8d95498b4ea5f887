from __future__ import annotations

import numpy as np
import pytest

from posealign_rooms.mesh import mesh_of

SPACING = 0.12


@pytest.fixture(scope="module")
def layout(plans):
    return max((p.layout for p in plans), key=lambda layout: len(layout.objects))


@pytest.fixture(scope="module")
def mesh(layout):
    return mesh_of(layout, SPACING, np.random.default_rng(0))


def test_objects_fill_their_boxes(layout, mesh) -> None:
    aligned = layout.aligned_from_world.apply(mesh.vertices)
    for box, o in zip(layout.aligned_boxes, layout.objects, strict=True):
        own = aligned[mesh.instance_ids == o.object_id]
        found = np.concatenate([(own.max(0) + own.min(0)) / 2, np.ptp(own, axis=0)])
        np.testing.assert_allclose(found[[2, 5]], box[[2, 5]], atol=1e-5)
        # Round things and slats leave the corners of a turned box empty.
        np.testing.assert_allclose(found, box, atol=0.06)


def test_the_shell_spans_the_room(layout, mesh) -> None:
    aligned = layout.aligned_from_world.apply(mesh.vertices[mesh.instance_ids < 0])
    half = (layout.width / 2, layout.depth / 2)
    np.testing.assert_allclose(aligned.min(axis=0), (-half[0], -half[1], 0.0), atol=1e-5)
    np.testing.assert_allclose(aligned.max(axis=0), (*half, layout.height), atol=1e-5)


def test_normals_are_units_and_agree_with_the_faces(mesh) -> None:
    v = mesh.vertices.astype(np.float64)
    a, b, c = (v[mesh.faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    area = np.linalg.norm(across, axis=1)
    assert area.min() > 1e-9
    same = (across * mesh.normals[mesh.faces[:, 0]]).sum(axis=1)
    assert (same > 0).all()
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1.0, atol=1e-6)


def test_normals_point_into_the_room_and_out_of_objects(layout, mesh) -> None:
    aligned = layout.aligned_from_world.apply(mesh.vertices)
    normals = layout.aligned_from_world.apply_direction(mesh.normals)
    shell = mesh.instance_ids < 0
    inward = np.array([0.0, 0.0, layout.height / 2]) - aligned[shell]
    assert (np.einsum("ij,ij->i", inward, normals[shell]) > 0).all()
    for o in layout.objects:
        top = (mesh.instance_ids == o.object_id) & (
            aligned[:, 2] > o.center[2] + o.size[2] / 2 - 1e-4
        )
        assert normals[top, 2].max() > 0.99


def test_vertices_are_as_dense_as_asked(layout, mesh) -> None:
    v = mesh.vertices.astype(np.float64)
    edges = np.concatenate([v[mesh.faces[:, i]] - v[mesh.faces[:, i - 1]] for i in range(3)])
    lengths = np.linalg.norm(edges, axis=1)
    assert lengths.max() < 1.5 * np.sqrt(2) * SPACING
    finer = mesh_of(layout, SPACING / 2, np.random.default_rng(0))
    assert 3 < len(finer.vertices) / len(mesh.vertices) < 4.5


def test_a_segment_lies_in_one_object(mesh) -> None:
    pairs = np.unique(np.stack([mesh.segment_ids, mesh.instance_ids]), axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1]
    assert pairs.shape[1] > 50


def test_mean_colors_keep_their_names(layout, mesh) -> None:
    """Brightness varies from part to part, but no named colour comes closer to another one."""
    from posealign_rooms.catalogue import COLORS

    palette = np.array(list(COLORS.values())) * 0.88
    for o in layout.objects:
        mean = mesh.colors[mesh.instance_ids == o.object_id].mean(axis=0)
        nearest = list(COLORS)[np.abs(palette - mean).sum(axis=1).argmin()]
        assert nearest == o.color


def test_nyu40_classes(layout, mesh) -> None:
    from posealign_rooms.catalogue import KINDS

    for o in layout.objects:
        assert set(mesh.nyu40[mesh.instance_ids == o.object_id]) == {KINDS[o.kind].nyu40}
    aligned = layout.aligned_from_world.apply(mesh.vertices)
    floor = (mesh.instance_ids < 0) & (mesh.nyu40 == 2)
    assert np.abs(aligned[floor, 2]).max() < 1e-5
    assert set(mesh.nyu40[mesh.instance_ids < 0]) == {1, 2}
