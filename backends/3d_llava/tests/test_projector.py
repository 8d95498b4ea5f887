from __future__ import annotations

import torch

from posealign_3d_llava.model.projector import Projector, widen_projector


def test_published_names_and_formula():
    torch.manual_seed(0)
    projector = Projector(5, 7)
    assert {k: tuple(v.shape) for k, v in projector.state_dict().items()} == {
        "0.weight": (7, 5), "0.bias": (7,), "2.weight": (7, 7), "2.bias": (7,),
    }  # fmt: skip
    x = torch.randn(3, 5)
    inner = x @ projector.get_parameter("0.weight").T + projector.get_parameter("0.bias")
    inner = inner * 0.5 * (1 + torch.erf(inner / 2**0.5))
    expected = inner @ projector.get_parameter("2.weight").T + projector.get_parameter("2.bias")
    torch.testing.assert_close(projector(x), expected)


def test_a_widened_projector_agrees_where_the_new_channels_are_zero():
    torch.manual_seed(0)
    narrow = Projector(1024, 32).bfloat16()
    wide = widen_projector(narrow, 6)
    assert wide.n_in == 1030
    assert wide.linears[0].weight.dtype is torch.bfloat16
    assert torch.equal(wide.linears[0].weight[:, :1024], narrow.linears[0].weight)
    added = wide.linears[0].weight[:, 1024:]
    assert 0 < added.abs().max() <= 1030**-0.5 * 1.01
    x = torch.randn(4, 1024).bfloat16()
    torch.testing.assert_close(
        wide(torch.cat([x, x.new_zeros(4, 6)], dim=1)), narrow(x), rtol=2e-2, atol=2e-2
    )
    wide.linears[1].weight.data.zero_()
    assert narrow.linears[1].weight.any()
