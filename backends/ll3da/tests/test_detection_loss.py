from __future__ import annotations

import math

import torch
from networks import clouds, detector_config
from scipy.optimize import linear_sum_assignment

from posealign_ll3da.model.boxes import Ranges
from posealign_ll3da.model.cloud import Extent
from posealign_ll3da.model.detection_loss import (
    DetectionCriterion,
    DetectionTargets,
    generalised_iou,
)
from posealign_ll3da.model.detector import Detector
from posealign_ll3da.model.proposals import Proposals


def targets(centers, sizes, classes, *, n_points: int = 4) -> DetectionTargets:
    classes = torch.tensor(classes)
    return DetectionTargets(
        centers=torch.tensor(centers),
        sizes=torch.tensor(sizes),
        classes=classes,
        present=torch.ones_like(classes, dtype=torch.bool),
        votes=torch.zeros(len(classes), n_points, 3),
        has_vote=torch.zeros(len(classes), n_points, dtype=torch.bool),
    )


def test_generalised_iou_by_hand():
    cube = Ranges(torch.zeros(1, 3), torch.ones(1, 3))
    half = Ranges(torch.tensor([[0.5, 0, 0]]), torch.tensor([[1.5, 1, 1]]))
    apart = Ranges(torch.tensor([[2.0, 0, 0]]), torch.tensor([[3.0, 1, 1]]))
    torch.testing.assert_close(generalised_iou(cube, cube), torch.ones(1))
    torch.testing.assert_close(generalised_iou(cube, half), torch.tensor([1 / 3]))
    torch.testing.assert_close(generalised_iou(cube, apart), torch.tensor([-1 / 3]))


def test_the_terms_by_hand():
    # Two proposals, one object: the second proposal is the object's, off by 0.5 m along x.
    found = Proposals(
        class_logits=torch.tensor([[[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]),
        centers=torch.tensor([[[9.0, 9, 9], [0.5, 0, 0]]]),
        sizes=torch.tensor([[[1.0, 1, 1], [1, 1, 2]]]),
        features=torch.zeros(1, 2, 1),
        query_xyz=torch.zeros(1, 2, 3),
    )
    extent = Extent(low=torch.zeros(1, 3), high=torch.tensor([[5.0, 4, 2]]))
    wanted = targets([[[0.0, 0, 0]]], [[[1.0, 1, 1]]], [[1]])
    wanted.votes[0, 2], wanted.has_vote[0, 2] = torch.tensor([0.0, 0, 1]), True
    seeds = torch.tensor([[[1.0, 1, 1], [2, 2, 2]]])
    loss = DetectionCriterion(2)(
        [found, found],
        extent,
        wanted,
        vote_xyz=seeds + torch.tensor([0.1, 0.0, 0.5]),
        seed_xyz=seeds,
        seed_rows=torch.tensor([[2, 3]]),
    )
    inter, union, hull = 0.5, 1 + 2 - 0.5, 1.5 * 1 * 2
    giou = 1 - (inter / union - (hull - union) / hull)
    ln3 = math.log(3)
    expected = {"class": ln3, "giou": giou, "center": 0.1, "size": 0.5}
    for name, value in expected.items():
        torch.testing.assert_close(loss.terms[name], torch.tensor(2 * value), atol=1e-5, rtol=0)
    torch.testing.assert_close(loss.terms["vote"], torch.tensor(0.6), atol=1e-5, rtol=0)
    total = 2 * (ln3 + 10 * giou + 5 * 0.1 + 0.5) + 10 * 0.6
    torch.testing.assert_close(loss.total, torch.tensor(total), atol=1e-4, rtol=0)


def test_background_weighs_a_quarter():
    logits = torch.tensor([[[2.0, 0, 0], [0, 0, 1.0]]])
    found = Proposals(
        class_logits=logits,
        centers=torch.tensor([[[0.0, 0, 0], [5, 5, 5]]]),
        sizes=torch.ones(1, 2, 3),
        features=torch.zeros(1, 2, 1),
        query_xyz=torch.zeros(1, 2, 3),
    )
    extent = Extent(low=torch.zeros(1, 3), high=torch.ones(1, 3))
    terms = DetectionCriterion(2).set_prediction_loss(
        found, extent, targets([[[0.0, 0, 0]]], [[[1.0, 1, 1]]], [[0]])
    )
    logp = logits[0].log_softmax(-1)
    expected = -(logp[0, 0] + 0.25 * logp[1, 2]) / 1.25
    torch.testing.assert_close(terms["class"], expected)
    assert terms["giou"] == 0


def test_matching_is_the_cheapest_and_leaves_out_padding_and_unknown_classes():
    torch.manual_seed(0)
    found = Proposals(
        class_logits=torch.randn(1, 6, 4),
        centers=torch.rand(1, 6, 3),
        sizes=torch.rand(1, 6, 3) + 0.2,
        features=torch.zeros(1, 6, 1),
        query_xyz=torch.zeros(1, 6, 3),
    )
    wanted = targets(torch.rand(1, 4, 3).tolist(), (torch.rand(1, 4, 3) + 0.2).tolist(),
                     [[2, -1, 0, 1]])  # fmt: skip
    wanted.present[0, 3] = False
    extent = Extent(low=torch.zeros(1, 3), high=torch.ones(1, 3))
    terms = DetectionCriterion(3).set_prediction_loss(found, extent, wanted)
    objects = [0, 2]
    cost = torch.zeros(6, 2)
    for q in range(6):
        for column, g in enumerate(objects):
            a = Ranges(found.centers[0, q] - found.sizes[0, q] / 2,
                       found.centers[0, q] + found.sizes[0, q] / 2)  # fmt: skip
            b = Ranges(wanted.centers[0, g] - wanted.sizes[0, g] / 2,
                       wanted.centers[0, g] + wanted.sizes[0, g] / 2)  # fmt: skip
            probability = found.class_logits[0, q].softmax(-1)[wanted.classes[0, g]]
            cost[q, column] = -probability - 2 * generalised_iou(a, b)
    query, column = linear_sum_assignment(cost.numpy())
    off = sum(
        (found.centers[0, q] - wanted.centers[0, objects[c]]).abs().sum()
        for q, c in zip(query, column, strict=True)
    )
    torch.testing.assert_close(terms["center"], off / 2)


def test_a_scene_without_objects_has_classes_only():
    torch.manual_seed(0)
    detector = Detector(detector_config())
    cloud = clouds()
    wanted = targets([[[0.0, 0, 0]]] * 2, [[[1.0, 1, 1]]] * 2, [[0], [0]], n_points=200)
    wanted.present[:] = False
    loss = detector.loss(cloud, wanted)
    assert loss.terms["giou"] == loss.terms["center"] == loss.terms["vote"] == 0
    assert loss.total > 0


def test_a_detector_learns_one_scene():
    torch.manual_seed(0)
    detector = Detector(detector_config(dropout=0.0, head_dropout=0.0))
    cloud = clouds(batch=1, n_points=100)
    centers = [[[0.7, 0.7, 0.5], [2.2, 1.4, 0.4]]]
    wanted = targets(centers, [[[0.8, 0.6, 1.0], [0.5, 0.9, 0.8]]], [[0, 2]], n_points=100)
    optimizer = torch.optim.AdamW(detector.parameters(), lr=5e-3)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = detector.loss(cloud, wanted)
        loss.total.backward()
        optimizer.step()
        losses.append(float(loss.total.detach()))
    assert losses[-1] < 0.5 * losses[0]
    angles = [p for k, p in detector.named_parameters() if "angle" in k]
    assert all(p.grad is None for p in angles)
    rest = [p for k, p in detector.named_parameters() if "angle" not in k]
    assert all(p.grad is not None for p in rest)
