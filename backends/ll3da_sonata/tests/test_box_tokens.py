from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from posealign_core.geometry import corners_from_aabb
from posealign_ll3da.model.cloud import Extent
from posealign_ll3da.model.scene import SceneFeatures
from posealign_ll3da_sonata.model.box_tokens import box_tokens

XYZ = torch.tensor([[[0.0, 0, 0], [0.9, 0, 0], [0.9, 0.4, 0], [3.0, 0, 0]]])
TOKENS = torch.tensor([[[1.0], [2.0], [6.0], [9.0]]])


def scene(valid=None) -> SceneFeatures:
    return SceneFeatures(tokens=TOKENS, xyz=XYZ, extent=Extent.of(XYZ), valid=valid)


def box(*numbers: float, turn_rad: float = 0.0) -> torch.Tensor:
    c, s = math.cos(turn_rad), math.sin(turn_rad)
    corners = corners_from_aabb(np.array(numbers)) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]).T
    return torch.from_numpy(corners).float()[None]


@pytest.mark.parametrize(
    ("corners", "mean"),
    [
        (box(0, 0, 0, 2, 1, 1), (1 + 2 + 6) / 3),
        (box(0, 0, 0, 2, 0.6, 1), (1 + 2) / 2),
        (box(0, 0, 0, 2.2, 0.2, 1, turn_rad=math.atan2(0.4, 0.9)), (1 + 6) / 2),
        (box(2.8, 0, 0, 0.1, 0.1, 0.1), 9.0),
        (box(0.95, 0, 0, 0.5, 0.5, 0.0), 2.0),
    ],
    ids=["three", "two", "turned", "nearest", "without volume"],
)
def test_means_by_hand(corners, mean: float):
    assert box_tokens(scene(), corners).item() == pytest.approx(mean, rel=1e-5)


def test_padding_is_neither_inside_nor_near():
    valid = torch.tensor([[True, True, False, True]])
    assert box_tokens(scene(valid), box(0, 0, 0, 2, 1, 1)).item() == pytest.approx(1.5)
    assert box_tokens(scene(valid), box(0.9, 0.4, 0, 0.1, 0.1, 0.1)).item() == pytest.approx(2.0)


def test_no_boxes_give_no_features():
    assert box_tokens(scene(), torch.zeros(1, 0, 8, 3)).shape == (1, 0, 1)
