from __future__ import annotations

import pytest
import torch

from posealign_core.nn.segments import segment_mean


def test_by_hand():
    values = torch.tensor([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0], [5.0, 6.0]])
    mean = segment_mean(values, torch.tensor([2, 0, 2, 0]), 4)
    assert mean.tolist() == [[4.0, 5.0], [0.0, 0.0], [5.5, 11.0], [0.0, 0.0]]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (torch.bfloat16, torch.float32),
        (torch.float16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_sums_in_float32_or_wider(dtype: torch.dtype, expected: torch.dtype):
    """1000 ones stay below 256 when they are added up in bfloat16."""
    values = torch.ones(1000, 1, dtype=dtype)
    values[0] = 3.0
    mean = segment_mean(values, torch.zeros(1000, dtype=torch.int64), 1)
    assert mean.dtype is expected
    assert mean.item() == pytest.approx(1.002)


def test_gradient():
    values = torch.randn(7, 2, dtype=torch.float64, requires_grad=True)
    segments = torch.tensor([0, 3, 3, 0, 1, 3, 0])
    assert torch.autograd.gradcheck(lambda v: segment_mean(v, segments, 5), values)


def test_no_rows():
    assert (
        segment_mean(torch.ones(0, 3), torch.zeros(0, dtype=torch.int64), 2).tolist()
        == [[0.0, 0.0, 0.0]] * 2
    )
