"""The encoder against outputs of the released one on weights and voxels of a formula (16.2)."""

from __future__ import annotations

import pytest
import torch
from encoders import golden_points, toy_encoder

from posealign_ll3da_sonata.ptv3 import upcast
from posealign_ll3da_sonata.ptv3.windows import make_windows

# offsets, depth, largest cell + 96, padded rows, width, sum, sum of magnitudes, first, last values
STAGES = [
    (
        *((300, 400), 4, (106, 104, 102), 480, 16, 6866.995, 35547.72),
        *((-4.09507, 6.39438, 2.90541, -6.18942), (9.43210, 5.99279)),
    ),
    (
        *((93, 116), 3, (101, 100, 99), 138, 32, 1127.291, 4007.266),
        *((-1.08459, -1.11941, -1.33649, -0.28521), (-0.63916, 0.39144)),
    ),
    (
        *((18, 25), 2, (98, 98, 97), 28, 32, 239.6238, 982.3696),
        *((1.41916, -0.32889, -1.45626, -1.39605), (-0.63485, 0.23868)),
    ),
    (
        *((4, 5), 2, (97, 97, 96), 5, 48, 113.2346, 1025.978),
        *((5.09990, -1.62907, -7.90539, -2.57463), (7.82547, 0.50817)),
    ),
    (
        *((1, 2), 1, (96, 96, 96), 2, 64, 42.82084, 110.7975),
        *((0.77809, -0.51327, -0.60002, 1.48843), (-0.14842, -0.60766)),
    ),
]


@pytest.fixture(scope="module")
def stages():
    with torch.no_grad():
        return toy_encoder(windows="min")(golden_points())


def test_number_of_tensors():
    assert len(toy_encoder().state_dict()) == 201


@pytest.mark.parametrize("s", range(5))
def test_features(stages, s):
    *_, width, total, magnitude, first, last = STAGES[s]
    features = stages[s].points.features
    assert features.shape[1] == width
    assert features.sum().item() == pytest.approx(total, rel=1e-4)
    assert features.abs().sum().item() == pytest.approx(magnitude, rel=1e-4)
    assert features[0, :4].tolist() == pytest.approx(first, abs=1e-4)
    assert features[-1, -2:].tolist() == pytest.approx(last, abs=1e-4)


@pytest.mark.parametrize("s", range(5))
def test_voxels(stages, s):
    offsets, depth, shape, n_padded, *_ = STAGES[s]
    points = stages[s].points
    assert points.offsets == offsets
    assert stages[s].curves.depth == depth
    assert tuple((points.cells.amax(0) + 96).tolist()) == shape
    windows = make_windows(points.counts, min(48, *points.counts), torch.device("cpu"))
    assert sum(table.numel() for table in windows.tables) == n_padded


def test_curves(stages):
    curves = stages[0].curves
    assert curves.orders[:, :6].tolist() == [
        [0, 143, 44, 93, 286, 187],
        [0, 143, 44, 93, 43, 296],
        [0, 44, 143, 93, 43, 246],
        [0, 93, 44, 143, 286, 236],
    ]
    assert curves.codes[:, :3].tolist() == [
        [0, 3076, 1317],
        [0, 3074, 2195],
        [0, 2051, 2046],
        [0, 2055, 3946],
    ]


def test_pooling_rows(stages):
    assert stages[1].row_of_finer[:8].tolist() == [0, 75, 59, 45, 30, 14, 90, 74]
    assert stages[1].points.cells[:3].tolist() == [[0, 0, 0], [0, 0, 2], [0, 0, 3]]


def test_upcast(stages):
    """Two joins, then two steps that carry only."""
    features = upcast(stages, n_joined=2, to_stage=0)
    assert features.shape == (400, 144)
    assert features.sum().item() == pytest.approx(21459.64, rel=1e-4)
    assert features.abs().sum().item() == pytest.approx(119901.5, rel=1e-4)
