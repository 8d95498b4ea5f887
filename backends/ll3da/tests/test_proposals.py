from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.geometry.boxes import aabb_from_corners, aabb_iou
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.boxes import (
    Ranges,
    corners_of,
    overlaps,
    to_camera_axes,
    to_scene_axes,
)
from posealign_ll3da.model.nms import keep_proposals
from posealign_ll3da.model.proposals import Proposals


def proposals(centers, sizes, logits, features=None) -> Proposals:
    centers = torch.as_tensor(centers, dtype=torch.float32)
    return Proposals(
        class_logits=torch.as_tensor(logits, dtype=torch.float32),
        centers=centers,
        sizes=torch.as_tensor(sizes, dtype=torch.float32),
        features=torch.zeros(*centers.shape[:2], 1) if features is None else features,
        query_xyz=centers,
    )


def test_corners_in_the_released_order():
    corners = corners_of(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.2, 0.4, 0.6]))
    released = to_camera_axes(corners)
    torch.testing.assert_close(released[0], torch.tensor([1.1, -2.7, 2.2]))
    torch.testing.assert_close(released[6], torch.tensor([0.9, -3.3, 1.8]))
    signs = torch.sign(released - released.mean(0))
    assert signs[:, 0].tolist() == [1, 1, -1, -1, 1, 1, -1, -1]
    assert signs[:, 1].tolist() == [1, 1, 1, 1, -1, -1, -1, -1]
    assert signs[:, 2].tolist() == [1, -1, -1, 1, 1, -1, -1, 1]
    torch.testing.assert_close(to_scene_axes(released), corners)


@given(st.integers(0, 10**6))
def test_overlaps_are_the_benchmarks(seed):
    rng = np.random.default_rng(seed)
    a, b = (
        np.concatenate([rng.normal(size=(k, 3)), rng.uniform(0.1, 2, (k, 3))], 1) for k in (4, 5)
    )
    corners = [corners_of(*torch.from_numpy(boxes).split(3, dim=1)) for boxes in (a, b)]
    ours = overlaps(*(Ranges.of_corners(c) for c in corners), 1e-8)
    np.testing.assert_allclose(ours, aabb_iou(a, b), atol=1e-12)
    np.testing.assert_allclose(aabb_from_corners(corners[0].numpy()), a, atol=1e-12)


def test_a_box_gets_the_state_of_the_object_that_overlaps_it_most():
    found = proposals(
        centers=[[[0.0, 0, 0], [0.2, 0, 0], [0.1, 0, 0], [9, 9, 9]]],
        sizes=[[[1.0, 1, 1]] * 4],
        logits=[[[5.0, 0, 0], [5, 0, 0], [0, 0, 5], [5, 0, 0]]],  # the third is background
        features=torch.tensor([[[10.0], [11.0], [12.0], [13.0]]]),
    )
    wanted = corners_of(
        torch.tensor([[[0.12, 0, 0], [0.08, 0, 0], [-50, 0, 0], [8.8, 9, 9]]]),
        torch.ones(1, 4, 3),
    )
    assert found.features_of_boxes(wanted)[..., 0].tolist() == [[11, 10, 10, 13]]


def cloud_in(*centers) -> torch.Tensor:
    """Eight points inside a small cube around each centre: (1, N, 3)."""
    cube = corners_of(torch.tensor(centers, dtype=torch.float32), torch.full((3,), 0.1))
    return cube.reshape(1, -1, 3)


def test_likelier_boxes_of_a_class_suppress_their_rivals():
    found = proposals(
        centers=[[[0.0, 0, 0], [0.1, 0, 0], [0.1, 0, 0], [5, 0, 0]]],
        sizes=[[[1.0, 1, 1]] * 4],
        logits=[[[2.0, 0, 0], [4, 0, 0], [0, 1, 0], [9, 0, 0]]],
    )
    xyz = cloud_in([0, 0, 0])  # nothing lies in the last box
    for fidelity in Fidelity:
        assert keep_proposals(found, xyz, fidelity).tolist() == [[False, True, True, False]]


def test_a_quarter_of_overlap_is_allowed():
    # Shifted cubes of edge 1 share 1 - d and overlap (1 - d) / (1 + d), which is 0.25 at d = 0.6.
    logits = [[[2.0, 0, 0], [1, 0, 0]]]
    sizes = [[[1.0, 1, 1]] * 2]
    for shift, kept in ((0.625, True), (0.5, False)):
        found = proposals([[[0.0, 0, 0], [shift, 0, 0]]], sizes, logits)
        xyz = cloud_in([0, 0, 0], [shift, 0, 0])
        assert keep_proposals(found, xyz, Fidelity.CORRECT).tolist() == [[True, kept]]


def test_background_suppresses_in_the_release_only():
    found = proposals(
        centers=[[[0.0, 0, 0], [0.0, 0, 0]]],
        sizes=[[[1.0, 1, 1]] * 2],
        # Background is likeliest, and yet an object 0.58 likely; the other is one with 0.55.
        logits=torch.tensor([[[0.30, 0.28, 0.42], [0.55, 0.0, 0.45]]]).log().clamp(min=-9),
    )
    xyz = cloud_in([0, 0, 0])
    assert found.is_object.tolist() == [[False, True]]
    assert keep_proposals(found, xyz, Fidelity.RELEASED).tolist() == [[True, False]]
    assert keep_proposals(found, xyz, Fidelity.CORRECT).tolist() == [[False, True]]


def test_no_object_is_kept_where_there_is_none():
    found = proposals(
        centers=[[[0.0, 0, 0], [3.0, 0, 0]]],
        sizes=[[[1.0, 1, 1]] * 2],
        logits=[[[0.0, 0, 5], [0, 0, 4]]],
    )
    nowhere = cloud_in([50, 0, 0])
    assert not keep_proposals(found, nowhere, Fidelity.CORRECT).any()
    # The release keeps the likeliest proposal when no box holds points, background or not.
    assert keep_proposals(found, nowhere, Fidelity.RELEASED).tolist() == [[False, True]]


def test_four_points_inside_are_too_few_and_the_surface_is_outside():
    found = proposals([[[0.0, 0, 0]]], [[[1.0, 1, 1]]], [[[2.0, 0, 0]]])
    inside = torch.zeros(1, 4, 3)
    surface = torch.tensor([[[0.5, 0, 0]]])
    for xyz, kept in (
        (torch.cat([inside, surface], 1), False),
        (torch.cat([inside, inside[:, :1]], 1), True),
    ):
        assert keep_proposals(found, xyz, Fidelity.CORRECT).tolist() == [[kept]]


def slow_nms(found: Proposals, xyz: torch.Tensor) -> list[bool]:
    """Section 7.4 for one scene, loop by loop, in the release's way."""
    boxes = torch.cat([found.centers[0], found.sizes[0]], 1).double().numpy()
    low, high = boxes[:, :3] - boxes[:, 3:] / 2, boxes[:, :3] + boxes[:, 3:] / 2
    alive = [sum(bool(((p > lo) & (p < hi)).all()) for p in xyz[0].double().numpy()) >= 5
             for lo, hi in zip(low, high, strict=True)]  # fmt: skip
    objectness = found.objectness[0].tolist()
    if not any(alive):
        alive[int(np.argmax(objectness))] = True
    classes = found.class_logits[0, :, :-1].argmax(-1).tolist()
    kept: list[int] = []
    for q in sorted(range(len(boxes)), key=lambda q: -objectness[q]):
        rivals = [k for k in kept if classes[k] == classes[q]]
        if alive[q] and all(aabb_iou(boxes[q], boxes[k])[0, 0] <= 0.25 for k in rivals):
            kept.append(q)
    return [q in kept for q in range(len(boxes))]


def test_many_boxes_one_by_one():
    for seed in range(8):
        torch.manual_seed(seed)
        found = proposals(torch.rand(1, 20, 3), torch.rand(1, 20, 3) * 0.8, torch.randn(1, 20, 4))
        xyz = torch.rand(1, 80, 3)
        assert keep_proposals(found, xyz, Fidelity.RELEASED)[0].tolist() == slow_nms(found, xyz)
