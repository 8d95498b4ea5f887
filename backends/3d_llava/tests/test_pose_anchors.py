"""Section 10.4: what the release makes of a pose and points that it rounds to bfloat16."""

from __future__ import annotations

import pytest
import torch

from posealign_core.align.embed import camera_features
from posealign_core.geometry.intrinsics import SCANNET_CONSTANT

WORLD_FROM_CAMERA = torch.tensor(
    [
        [0.955421, -0.196283, 0.220542, 2.5],
        [-0.295248, -0.623, 0.724, 1.25],
        [0.002, -0.757, -0.653, 1.5],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
POINTS = torch.tensor([[3.0, 2.0, 0.8], [2.0, 0.5, 1.2], [2.7, 2.2, 0.6]])
EXACT = [
    [0.25954, -0.03415, 1.11236, 0.70926, 0.46910, 1],
    [-0.25483, 0.79141, -0.45882, -1, -1, 0],
    [-0.08520, 0.04980, 1.32026, 0.44045, 0.55160, 1],
]
ROUNDED = [
    [0.25854, -0.03498, 1.11328, 0.70827, 0.46824, 1],
    [-0.25378, 0.78952, -0.46285, -1, -1, 0],
    [-0.08372, 0.04564, 1.32397, 0.44162, 0.54768, 1],
]


@pytest.mark.parametrize(
    ("dtype", "expected"), [(torch.float32, EXACT), (torch.bfloat16, ROUNDED)], ids=str
)
def test_features_of_three_points(dtype: torch.dtype, expected: list[list[float]]):
    camera_from_world = torch.linalg.inv(WORLD_FROM_CAMERA.to(dtype).float())
    features = camera_features(POINTS.to(dtype), camera_from_world, SCANNET_CONSTANT)
    torch.testing.assert_close(features, torch.tensor(expected), rtol=0, atol=2e-5)
