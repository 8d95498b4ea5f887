"""Boxes as tensors, proposals, and which of them are kept."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from posealign_core.geometry import aabb_iou
from posealign_core.vocabulary import Fidelity
from posealign_ll3da.model.boxes import Ranges, corners_of, overlaps, to_camera_axes, to_scene_axes
from posealign_ll3da.model.nms import keep_proposals
from posealign_ll3da.model.proposals import Proposals


def proposals(boxes: list[list[float]], logits: list[list[float]]) -> Proposals:
    values = torch.tensor([boxes])
    return Proposals(
        class_logits=torch.tensor([logits]),
        centers=values[..., :3],
        sizes=values[..., 3:],
        features=torch.eye(len(boxes))[None],
        query_xyz=values[..., :3],
    )


def test_corners_of_the_specification():
    center, size = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.2, 0.4, 0.6])
    camera = to_camera_axes(corners_of(center, size))
    assert torch.allclose(camera[0], torch.tensor([1.1, -2.7, 2.2]))
    assert torch.allclose(camera[6], torch.tensor([0.9, -3.3, 1.8]))


def test_axes_are_undone():
    points = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(to_scene_axes(to_camera_axes(points)), points)
    assert to_camera_axes(torch.tensor([1.0, 2.0, 3.0])).tolist() == [1.0, -3.0, 2.0]


@given(st.lists(st.lists(st.floats(0.1, 2.0), min_size=6, max_size=6), min_size=2, max_size=5))
def test_overlaps_are_those_of_the_core(boxes: list[list[float]]):
    values = torch.tensor(boxes, dtype=torch.float64)
    ranges = Ranges.of_corners(corners_of(values[:, :3], values[:, 3:]))
    found = overlaps(Ranges(ranges.low[None], ranges.high[None]),
                     Ranges(ranges.low[None], ranges.high[None]), 1e-8)[0]  # fmt: skip
    assert torch.allclose(found, torch.from_numpy(aabb_iou(boxes, boxes)), atol=1e-9)


def test_a_box_means_the_object_that_it_overlaps_most():
    found = proposals(
        [[0, 0, 0, 1, 1, 1], [0.2, 0, 0, 1, 1, 1], [5, 0, 0, 1, 1, 1]],
        [[0.0, 9.0], [9.0, 0.0], [9.0, 0.0]],
    )
    corners = corners_of(torch.tensor([[[0.0, 0, 0], [5, 0, 0], [9, 9, 9]]]), torch.ones(1, 3, 3))
    picked = found.features_of_boxes(corners)[0].argmax(dim=1)
    assert picked.tolist() == [1, 2, 0]  # background is passed over; nothing means the first


@pytest.mark.parametrize(("background", "kept"), [("correct", [1, 3]), ("released", [0, 3])])
def test_suppression_by_hand(background: str, kept: list[int]):
    found = proposals(
        [[0, 0, 0, 1, 1, 1], [0.1, 0, 0, 1, 1, 1], [0.2, 0, 0, 1, 1, 1], [5, 0, 0, 1, 1, 1],
         [9, 9, 9, 1, 1, 1]],
        # class 0, class 1, background; the first is background, and its objectness the highest
        [[1.0, 0.9, 1.1], [9.0, 0, 9.5 if background == "released" else 3.0], [9.0, 0, 8.0],
         [0, 9.0, 0], [9.0, 0, 0]],
    )  # fmt: skip
    if background == "released":
        found.class_logits[0, 2] = torch.tensor([9.0, 0, 9.6])
    xyz = torch.tensor([[[0.0, 0, 0]] * 6 + [[5.0, 0, 0]] * 5 + [[9.0, 9, 9]] * 4])
    mask = keep_proposals(found, xyz, Fidelity(background))
    assert mask[0].nonzero()[:, 0].tolist() == kept
