from __future__ import annotations

import pytest
import torch

from posealign_3d_llava.model.batch_norm import BatchNorm
from posealign_core.vocabulary import Fidelity

ROWS = torch.tensor([[1.0, -4.0], [3.0, 4.0], [5.0, 0.0]])


def test_running_statistics_by_hand():
    layer = BatchNorm(2).eval()
    layer.running_mean.copy_(torch.tensor([1.0, 2.0]))
    layer.running_var.copy_(torch.tensor([4.0, 9.0]))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([2.0, 3.0]))
        layer.bias.fill_(0.5)
    expected = (ROWS - torch.tensor([1.0, 2.0])) / (torch.tensor([4.0, 9.0]) + 1e-4).sqrt()
    torch.testing.assert_close(layer(ROWS), expected * torch.tensor([2.0, 3.0]) + 0.5)


def test_a_layer_that_learns_uses_the_batch_and_keeps_its_statistics():
    layer = BatchNorm(2).train()
    reference = torch.nn.BatchNorm1d(2, eps=1e-4, momentum=0.1).train()
    torch.testing.assert_close(layer(ROWS), reference(ROWS))
    torch.testing.assert_close(layer.running_mean, reference.running_mean)
    torch.testing.assert_close(layer.running_var, reference.running_var)


def test_statistics_are_kept_in_bfloat16_too():
    layer = BatchNorm(2).bfloat16().train()
    layer(ROWS.bfloat16())
    assert layer.running_mean.tolist() == pytest.approx([0.3, 0.0], rel=1e-2)


@pytest.mark.parametrize("fidelity", list(Fidelity))
def test_a_frozen_layer_in_training_mode(fidelity: Fidelity):
    layer = BatchNorm(2, fidelity).requires_grad_(False).train()
    before = layer.running_mean.clone(), layer.running_var.clone()
    out = layer(ROWS)
    released = fidelity is Fidelity.RELEASED
    statistics = (ROWS.mean(0), ROWS.var(0, unbiased=False)) if released else before
    torch.testing.assert_close(out, (ROWS - statistics[0]) / (statistics[1] + 1e-4).sqrt())
    assert torch.equal(layer.running_mean, before[0])
    assert torch.equal(layer.running_var, before[1])
    torch.testing.assert_close(layer.eval()(ROWS), ROWS / 1.0001**0.5)


def test_computes_in_float32_for_bfloat16_rows():
    """256 and 257 are one number in bfloat16 arithmetic; their difference must survive a mean."""
    layer = BatchNorm(1).bfloat16().eval()
    layer.running_mean.fill_(128.0)
    x = torch.tensor([[129.0]]).bfloat16()
    out = layer(x)
    assert out.dtype is torch.bfloat16
    assert out.item() == pytest.approx(1.0, rel=1e-2)


def test_has_no_counter_of_batches():
    assert set(BatchNorm(2).state_dict()) == {"weight", "bias", "running_mean", "running_var"}
